"""Many trainings to learn something: learning rates, learning curves, cross-validation, halving, label errors."""
