"""The notebook's job as a plain PyTorch loop: tensors indexed directly (a DataLoader is much slower)."""

from job import BATCH, BETAS, CLASSES, EPOCHS, EPSILON, HIDDEN, LEARNING_RATE, Clock, arguments, load, report

args = arguments()
clock = Clock()

import torch  # noqa: E402  (timed)
from torch import nn  # noqa: E402

clock.end_of("import")

x_train, y_train, x_test, y_test = (torch.from_numpy(array) for array in load(args.data))
y_train, y_test = y_train.long(), y_test.long()
clock.end_of("load")

torch.manual_seed(args.seed)
torch.set_num_threads(1)  # a second thread gains nothing at this size, and loses much on a busy machine
model = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
loss_of = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, BETAS, EPSILON)
for _ in range(EPOCHS):
    for rows in torch.randperm(len(x_train)).split(BATCH):
        optimizer.zero_grad()
        loss = loss_of(model(x_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
clock.end_of("train")

with torch.no_grad():
    accuracy = (model(x_test).argmax(1) == y_test).float().mean()
clock.end_of("test")

report(clock, accuracy, sum(p.numel() for p in model.parameters()), ["torch", "numpy"])
