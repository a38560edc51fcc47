"""Tasks carried out elsewhere: a real Ray cluster of three nodes on this machine, one of which is killed."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import mlplab
from mlplab.cluster import Here, workers
from mlplab.errors import ClusterError, DataError, UsageError
from mlplab.experiments.cross_validation import cross_validate
from mlplab.runs import machine
from mlplab.tuning import tune

ray = pytest.importorskip("ray")
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the nodes cannot import what is here
pytestmark = pytest.mark.skipif(os.name == "nt", reason="ray.cluster_utils knows no Windows")

LOCAL = """
import os, signal, sys
from mlplab.cluster import workers
if __name__ == "__main__":
    before = signal.getsignal(signal.SIGTERM), dict(os.environ)
    with workers("local", cpus_per_task=1) as local:
        done = dict(local.map(divmod, [2, 3, 5], shared=17))
    assert done == {0: (8, 1), 1: (5, 2), 2: (3, 2)}, done
    assert (signal.getsignal(signal.SIGTERM), dict(os.environ)) == before
    assert "keras" not in sys.modules
"""
UNANSWERED = """
import sys, time
from mlplab.cluster import workers
from mlplab.errors import ClusterError
begun = time.monotonic()
try:
    with workers(sys.argv[1]): pass
except ClusterError as error:
    print(time.monotonic() - begun, error)
"""


class ThreeNodes(NamedTuple):
    cluster: object
    nodes: list
    workers: object
    local: subprocess.Popen
    unanswered: subprocess.Popen


def started(*arguments, environment=None) -> subprocess.Popen:
    command = [sys.executable, "-c", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def silent():
    """The address of something that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="module")
def three(silent, tmp_path_factory):
    """A cluster and a connection to it; then, to save time, the two processes that other tests ask about."""
    from ray.cluster_utils import Cluster

    before = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))}
    arguments = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args=arguments)
    nodes = [cluster.add_node(wait=False, **arguments) for _ in range(2)]
    cluster.wait_for_nodes()
    with (
        workers(cluster.address, cpus_per_task=1) as connected,
        started(LOCAL, environment=before) as local,
        started(UNANSWERED, silent, environment=before) as unanswered,
    ):
        yield ThreeNodes(cluster, nodes, connected, local, unanswered)
    cluster.shutdown()


def trained(data, seed):
    """The weights of a small network after two epochs."""
    model = mlplab.mlp((8, 8), 10, [16], dropout=0.1, seed=seed)
    model.compile("adam", "sparse_categorical_crossentropy")
    mlplab.fit(model, data.train.inputs / 16, data.train.labels, epochs=2, seed=seed, verbose=0)
    return model.get_weights()


def trained_after_signal(shared, task):
    """Say on which node it begins, wait for the word to go on, and train."""
    data, folder = shared
    with (folder / "begun").open("a") as begun:
        begun.write(f"{task} {ray.get_runtime_context().get_node_id()}\n")
    waiting(folder / "go", None)
    return trained(data, task)


def waiting(path, task):
    while not path.exists():
        time.sleep(0.01)  # between two looks
    return os.getpid()


def refuse(shared, task):
    if task == 1:
        raise DataError("The second task is refused.")
    return task


def about(shared, task):
    """What a task finds: its process, whether it has a copy of the array, JAX's devices, and XLA's threads for sums."""
    import jax

    from mlplab.engine import backend  # noqa: F401 - it tells JAX how many devices to have

    devices = len(jax.devices())
    threads = 0
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(FileNotFoundError):  # Ray's own come and go
            threads += "Eigen" in Path(f"/proc/self/task/{thread}/comm").read_text()
    return os.getpid(), shared.flags.writeable or shared.flags.owndata, devices, threads


class Counted:
    """Counts how often it is pickled in this process."""

    times = 0

    def __reduce__(self):
        type(self).times += 1
        return np.zeros, (3,)


def test_here_is_one_after_the_other_and_only_when_asked():
    begun = []
    with workers(None) as here:
        results = here.map(lambda shared, task: begun.append(task) or shared * task, [3, 4], shared=10)
        assert next(results) == (0, 30)
        assert begun == [3]
        assert list(results) == [(1, 40)]
    assert here.slots == 1


def test_a_study_comes_out_as_here_though_a_node_dies(three, digits, tmp_path):
    space = {"hidden": [16], "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}, "batch_size": 433, "epochs": 9}
    asked = {"trials": 12, "population": 2, "seed": 3, "seeds": 2, "quiet": True}
    victim = three.cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    slots = int(ray.cluster_resources()["CPU"])
    while free_processors() < slots:
        time.sleep(0.05)  # what earlier tests began ends, and Ray hears of it

    def kill_a_node_at_work():
        while free_processors():
            time.sleep(0.05)
        three.cluster.remove_node(victim, allow_graceful=False)

    killer = threading.Thread(target=kill_a_node_at_work, daemon=True)
    killer.start()
    there = tune(digits, space, **asked, ray=three.cluster.address, out=tmp_path / "there")
    killer.join(timeout=0)
    assert not killer.is_alive(), "all processors were at work when one was lost"
    assert there.config.parallel == slots >= 3

    here = tune(digits, space, **asked, parallel=slots, out=tmp_path / "here")
    assert len(there.trials) == 12
    assert there.trials == here.trials
    curves = [[trial.intermediate_values for trial in study.optuna.trials] for study in (there, here)]
    assert curves[0] == curves[1]
    winners = [study.path / "winner" / "members" for study in (there, here)]
    for member in ("00", "01"):
        weights = [(winner / member / "model.safetensors").read_bytes() for winner in winners]
        assert weights[0] == weights[1]


def test_folds_are_predicted_as_here(three, digits, tmp_path):
    run = mlplab.train(digits, hidden=[16], epochs=3, out=tmp_path / "run", verbose=0)
    told = []
    there = cross_validate(
        run,
        digits,
        folds=5,
        ray=three.cluster.address,
        progress=lambda progress: told.append((progress.done, progress.total)),
    )
    np.testing.assert_array_equal(there, cross_validate(run, digits, folds=5))
    assert len(told) > 1
    assert told[-1] == (5, 5)


def test_a_cluster_computes_what_one_process_does_though_a_node_dies(three, digits, tmp_path):
    here = dict(Here().map(trained, range(6), shared=digits))

    def kill_a_node_at_work():
        while len({line.split()[1] for line in lines()}) < 3:
            time.sleep(0.01)
        three.cluster.remove_node(three.nodes[0], allow_graceful=False)
        (tmp_path / "go").touch()

    def lines():
        return (tmp_path / "begun").read_text().splitlines() if (tmp_path / "begun").exists() else []

    assert three.workers.slots == 3
    victim = three.nodes[0].node_id
    killer = threading.Thread(target=kill_a_node_at_work, daemon=True)
    killer.start()
    there = dict(three.workers.map(trained_after_signal, range(6), shared=(digits, tmp_path)))
    killer.join()

    lost = [line.split()[0] for line in lines() if line.split()[1] == victim]
    begun = [line.split()[0] for line in lines()]
    assert lost
    assert all(begun.count(task) == 2 for task in lost), "it was begun there, and again elsewhere"
    assert sorted(there) == list(range(6))
    for seed in range(6):
        assert all(np.array_equal(a, b) for a, b in zip(here[seed], there[seed], strict=True))


def free_processors() -> int:
    return int(ray.available_resources().get("CPU", 0))


def test_processes_stay_and_have_the_devices_and_threads_of_their_processors(three):
    array = np.arange(200_000)
    found = [result for _ in range(2) for _, result in three.workers.map(about, range(4), shared=array)]
    assert len({process for process, *_ in found}) <= three.workers.slots
    assert {(copied, devices) for _, copied, devices, _ in found} == {(False, 1)}
    assert {threads for *_, threads in found} == {1}


def test_what_is_shared_is_stored_once(three):
    shared = Counted()
    for _ in range(2):
        sums = [result for _, result in three.workers.map(total, range(5), shared=shared)]
        assert sorted(sums) == [0, 1, 2, 3, 4]
    assert Counted.times == 1


def total(shared, task):
    return int(shared.sum()) + task


def test_an_error_of_a_task_comes_back_as_it_was(three):
    for _ in range(10):  # others are done in the same moment, which Ray's own cancelling does not always survive
        with pytest.raises(DataError, match=r"^The second task is refused\.$") as caught:
            list(three.workers.map(refuse, range(5)))
        assert type(caught.value) is DataError


def test_left_early_or_interrupted_it_leaves_no_task_behind(three, tmp_path):
    for leave in (lambda results: results.close(), interrupted):
        results = three.workers.map(total_or_wait, [None, *[tmp_path / "never"] * 4], shared=0)
        assert next(results)[0] == 0
        leave(results)
        assert len(list(three.workers.map(refuse, [0] * 4))) == 4, "the processors are free again"


def total_or_wait(shared, path):
    return 0 if path is None else waiting(path, None)


def interrupted(results):
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.daemon = True
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        next(results)


def test_a_node_without_a_module_is_told_what_it_lacks(three, monkeypatch):
    module = types.ModuleType("only_here")
    exec("def function(shared, task): return task", vars(module))
    monkeypatch.setitem(sys.modules, "only_here", module)
    with pytest.raises(ClusterError, match=r"lacks what the task needs: No module named 'only_here'\. Install mlplab"):
        list(three.workers.map(vars(module)["function"], [0]))


def test_a_process_that_always_dies_is_an_error(three):
    with pytest.raises(ClusterError, match=r"^Task 0 was begun 4 times.*Ray says: \S"):
        list(three.workers.map(die, [0]))


def die(shared, task):
    os._exit(1)


def test_other_versions_on_a_node_are_told_once(three):
    other = {**machine.versions(), "jax": "0.0.1"}
    with pytest.warns(UserWarning, match=r"node far-away has jax 0\.0\.1, not .* results may differ"):
        three.workers._compare("far-away", other)
    three.workers._compare("far-away", other)  # warnings are errors here
    three.workers._compare("near", machine.versions())


def test_a_task_too_large_for_every_node_is_refused(three):
    with pytest.raises(ClusterError, match=r"takes 64 processors .* more than 1\.$"), workers("auto", cpus_per_task=64):
        pass


def test_another_cluster_than_the_present_one_is_refused(three):
    with pytest.raises(UsageError, match=r"connected to the Ray at .* already"), workers("10.0.0.5:6379"):
        pass


def test_local_is_a_quiet_ray_of_our_own(three):
    output = three.local.communicate(timeout=120)
    assert (*output, three.local.returncode) == ("", "", 0)


def test_what_does_not_speak_as_ray_does_is_given_up_in_fifteen_seconds(three, silent):
    said, errors = three.unanswered.communicate(timeout=60)
    seconds, _, message = said.partition(" ")
    assert float(seconds) < 15
    assert message.startswith(f"No Ray cluster that can be used answers at {silent}: what listens there")
    assert errors == ""


def test_where_nothing_listens_is_told_at_once(silent):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    done = started(UNANSWERED, address).communicate(timeout=60)[0]
    assert float(done.partition(" ")[0]) < 15
    assert f"answers at {address}: Connection refused. 'ray start --head'" in done


@pytest.mark.parametrize("address", ["", "somewhere", "10.0.0.5", "10.0.0.5:0", "http://10.0.0.5:8265", "a:70000"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UsageError, match=r"^ray must be 'local', 'auto', or a cluster's address"), workers(address):
        pass


def test_processors_must_be_positive():
    with pytest.raises(UsageError, match="cpus_per_task must be a whole number from 1 on; got 0"):
        workers("local", cpus_per_task=0).__enter__()


@pytest.mark.parametrize(
    ("missing", "address", "command"),
    [("ray", "local", 'pip install "mlplab[cluster]"'), ("grpc", "ray://10.0.0.5:10001", 'pip install "ray[client]"')],
)
def test_a_missing_package_is_told_with_the_command_that_brings_it(missing, address, command):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\nfrom mlplab.cluster import workers\n"
        f"from mlplab.errors import UsageError\ntry: workers({address!r}).__enter__()\n"
        "except UsageError as error: print(error)"
    )
    done, errors = started(code).communicate(timeout=60)
    assert done.strip().endswith(command), errors
