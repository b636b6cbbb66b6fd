"""What pipelines/digits.yaml asks for, written by hand with PyTorch and MLflow: the yardstick of benchmarks/digits.py.

It does less than `convspec run`: no pictures, no plan, no checkpoints. The model is logged in the way that MLflow does it
fastest (its requirements given, the network pickled).
"""

from __future__ import annotations

import json
import os
import time

import mlflow
import mlflow.pytorch
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from torch import nn

SEED, EPOCHS, BATCH = 7, 20, 32


def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(int(os.environ.get("TORCH_THREADS", torch.get_num_threads())))
    digits = load_digits()
    pictures = torch.from_numpy((digits.images / 16).astype("float32"))[:, None]
    labels = torch.from_numpy(digits.target)
    rest, test = train_test_split(range(len(labels)), test_size=0.2, stratify=labels, random_state=SEED)
    train, validation = train_test_split(rest, test_size=0.125, stratify=labels[rest], random_state=SEED)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.4), nn.Linear(64, 10),
    )  # fmt: skip
    cost = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.004)
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("digits")
    with mlflow.start_run() as run:
        mlflow.log_params({"epochs": EPOCHS, "batch": BATCH, "seed": SEED, "learning_rate": 0.004})
        train_pictures, train_labels = pictures[train], labels[train]
        started = time.perf_counter()
        for epoch in range(1, EPOCHS + 1):
            network.train()
            order, total, hits = torch.randperm(len(train)), 0.0, 0
            for begin in range(0, len(train), BATCH):
                chosen = order[begin : begin + BATCH]
                x, truth = train_pictures[chosen], train_labels[chosen]
                optimizer.zero_grad()
                votes = network(x)
                value = cost(votes, truth)
                value.backward()
                optimizer.step()
                total += value.item() * len(chosen)
                hits += int((votes.argmax(1) == truth).sum())
            network.eval()
            with torch.no_grad():
                votes = network(pictures[validation])
                metrics = {
                    "cost/training": total / len(train),
                    "accuracy/training": hits / len(train),
                    "cost/validation": cost(votes, labels[validation]).item(),
                    "accuracy/validation": (votes.argmax(1) == labels[validation]).float().mean().item(),
                }
            mlflow.log_metrics(metrics, step=epoch)
        seconds = time.perf_counter() - started
        with torch.no_grad():
            answers = network(pictures[test]).argmax(1)
        accuracy = (answers == labels[test]).float().mean().item()
        mlflow.log_metrics({"accuracy/test": accuracy}, step=EPOCHS)
        mlflow.log_dict({"matrix": confusion_matrix(labels[test], answers).tolist()}, "evaluation.json")
        mlflow.pytorch.log_model(
            network, name="model", serialization_format="pickle", pip_requirements=[f"torch=={torch.__version__}"]
        )
    print(json.dumps({"run_id": run.info.run_id, "accuracy": accuracy, "training_seconds": seconds}))


if __name__ == "__main__":
    main()
