"""What a person reads after training, in the terminal and on the report's page."""

import io

import numpy as np
from rich.console import Console
from sklearn.metrics import balanced_accuracy_score, f1_score

import mlplab
from mlplab.cli.run_summary import print_result


def printed(run):
    text = io.StringIO()
    print_result(Console(file=text, width=300), run, None)
    return text.getvalue()


def test_unbalanced_classes_get_balanced_accuracy_and_the_majoritys_share(unbalanced_run):
    test = unbalanced_run.predictions("test")
    predicted = test.probabilities.argmax(1)
    balanced, f1 = balanced_accuracy_score(test.label, predicted), f1_score(test.label, predicted, average="macro")
    share = np.bincount(test.label).max() / len(test.label)
    text = printed(unbalanced_run)
    assert f"balanced accuracy, the mean over classes, is {balanced:.4f}, and macro F1 {f1:.4f}; always" in text
    assert f"always naming the most frequent class, eight, is right for {share:.4f} of the rows." in text
    assert f"{len(test.label)} images)" in text


def test_balanced_classes_get_neither(digits_run):
    assert "balanced" not in printed(digits_run)


def test_early_stopping_says_where_it_stopped_and_what_was_kept(digits, tmp_path):
    settings = {"hidden": [8], "epochs": 5, "early_stopping": 1, "learning_rate": 0.03, "seed": 4}
    more = {"dropout": 0.2, "schedule": "cosine", "batch_size": 64, "labelled": 640}
    run = mlplab.train(digits, **settings, **more, out=tmp_path / "run", verbose=0)
    last = len(run.epochs)
    text = printed(run)
    assert f"Training stopped early, after epoch {last} of at most 5: 1 epoch without a better validation" in text
    assert f"The weights of epoch {run.kept_epoch} of {last} were kept, the best on the validation rows." in text
