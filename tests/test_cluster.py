"""Tasks in this process, and on a real Ray cluster of two nodes on this machine, which get a third that is killed."""

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

from mlplab.cluster import workers
from mlplab.errors import ClusterError, DataError, MissingPackageError, UsageError
from mlplab.experiments.cross_validation import cross_validate
from mlplab.runs import machine
from mlplab.tuning import tune

ray = pytest.importorskip("ray")
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the nodes cannot import this module
pytestmark = pytest.mark.skipif(os.name == "nt", reason="ray.cluster_utils knows no Windows")

LOCAL = """
import os, signal, sys
from mlplab.cluster import workers
if __name__ == "__main__":
    before = signal.getsignal(signal.SIGTERM), dict(os.environ)
    with workers("local", cpus_per_task=1) as local:
        done = dict(local.map(lambda *arguments: arguments, [2, 3], shared=17, progress=print))
    assert done == {0: (17, 2, None), 1: (17, 3, None)}, done
    assert (signal.getsignal(signal.SIGTERM), dict(os.environ)) == before
    assert "keras" not in sys.modules
"""
UNANSWERED = """
import sys, time
from mlplab.cluster import workers
from mlplab.errors import ClusterError
started = time.monotonic()
try:
    with workers(sys.argv[1]): pass
except ClusterError as error:
    print(time.monotonic() - started, error)
"""


def test_this_process_carries_out_one_task_after_the_other_and_only_on_demand(tmp_path):
    started = []
    with workers(None) as here:
        results = here.map(
            lambda shared, task, progress: started.append(task) or progress(shared * task),
            [3, 4],
            shared=10,
            progress=str,
        )
        assert next(results) == (0, "30")
        assert started == [3]
        assert list(results) == [(1, "40")]
        groups = here.map_directories(lambda *arguments: arguments, [[tmp_path]], shared=1, local=2)
        assert list(groups) == [(0, (1, [tmp_path], 2))]
    assert (here.slots, here.threads, here.networks_per_task(5)) == (1, machine.threads(), 5)


@pytest.mark.parametrize("address", ["", "somewhere", "10.0.0.5", "10.0.0.5:0", "http://10.0.0.5:8265", "a:70000"])
def test_a_wrong_address_is_refused(address):
    with pytest.raises(UsageError, match=r"^ray must be 'local', 'auto', or a cluster's address"), workers(address):
        pass


def test_processors_must_be_positive():
    with pytest.raises(UsageError, match="cpus_per_task must be a whole number of at least 1; got 0"):
        workers("local", cpus_per_task=0).__enter__()


@pytest.mark.parametrize(
    ("missing", "address", "command"),
    [("ray", "local", 'pip install "mlplab[cluster]"'), ("grpc", "ray://10.0.0.5:10001", 'pip install "ray[client]"')],
)
def test_for_a_missing_package_the_message_has_the_command_that_installs_it(missing, address, command, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingPackageError) as error, workers(address):
        pass
    assert str(error.value).endswith(command)


def test_where_nothing_listens_the_error_comes_at_once():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with (
        pytest.raises(ClusterError, match=rf"answers at {address}: Connection refused\. 'ray start --head'"),
        workers(address),
    ):
        pass


class Nodes(NamedTuple):
    cluster: object
    workers: object
    local: subprocess.Popen
    unanswered: subprocess.Popen


def started(*arguments, environment) -> subprocess.Popen:
    command = [sys.executable, "-c", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def silent():
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="module")
def nodes(silent, tmp_path_factory):
    """A cluster of two nodes and a connection to it; and two processes that run meanwhile, for tests at the end."""
    from ray.cluster_utils import Cluster

    environment = {**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))}
    arguments = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args=arguments)
    cluster.add_node(**arguments)
    cluster.wait_for_nodes()
    with (
        workers(cluster.address, cpus_per_task=1) as connected,
        started(LOCAL, environment=environment) as local,
        started(UNANSWERED, silent, environment=environment) as unanswered,
    ):
        yield Nodes(cluster, connected, local, unanswered)
    cluster.shutdown()


SPACE = {"hidden": [4], "learning_rate": {"low": 1e-2, "high": 1e-1, "log": True}, "batch_size": 433, "epochs": 2}
STUDY = {"trials": 4, "population": 2, "parallel": 2, "seed": 3, "seeds": 2, "quiet": True}


@pytest.fixture(scope="module")
def study(nodes, digits, tmp_path_factory):
    """A study whose trials and winner were trained on the cluster."""
    return tune(digits, SPACE, **STUDY, ray=nodes.cluster.address, out=tmp_path_factory.mktemp("studies") / "there")


@pytest.mark.slow
def test_a_study_on_a_cluster_is_the_study_of_this_process(study, digits, tmp_path):
    here = tune(digits, SPACE, **STUDY, out=tmp_path / "here")
    assert len(here.trials) == 4
    assert study.trials == here.trials
    curves = [[trial.intermediate_values for trial in each.optuna.trials] for each in (study, here)]
    assert curves[0] == curves[1]
    for there, member in zip(study.winner.members, here.winner.members, strict=True):
        for name in ("model.safetensors", "metrics.jsonl", "predictions-test.npz"):
            assert (there.path / name).read_bytes() == (member.path / name).read_bytes()
        assert there.result.run == str(there.path)


@pytest.mark.slow
def test_folds_on_a_cluster_are_the_folds_of_this_process(nodes, study, digits):
    reports = []
    there = cross_validate(study.winner.first, digits, folds=2, ray=nodes.cluster.address, progress=reports.append)
    np.testing.assert_array_equal(there, cross_validate(study.winner.first, digits, folds=2))
    assert (reports[-1].done, reports[-1].total) == (2, 2)


@pytest.mark.slow
def test_processes_stay_and_have_the_devices_and_threads_of_their_processors(nodes):
    array = np.arange(200_000)
    tasks = [result for _ in range(2) for _, result in nodes.workers.map(environment_of, range(3), shared=array)]
    assert len({process for process, *_ in tasks}) <= nodes.workers.slots == 2
    assert {(copied, devices) for _, copied, devices, _ in tasks} == {(False, 1)}
    assert {threads for *_, threads in tasks} == {1}


def environment_of(shared, task, progress):
    """The task's process, whether it has a copy of the array, its JAX devices, and its XLA threads for sums."""
    import jax

    from mlplab.engine import backend  # noqa: F401 - it sets the number of devices

    devices = len(jax.devices())
    threads = 0
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(FileNotFoundError):  # Ray's own come and go
            threads += "Eigen" in Path(f"/proc/self/task/{thread}/comm").read_text()
    return os.getpid(), shared.flags.writeable or shared.flags.owndata, devices, threads


@pytest.mark.slow
def test_a_shared_value_is_stored_once(nodes):
    shared = Counted()
    for _ in range(2):
        sums = [result for _, result in nodes.workers.map(add, range(5), shared=shared)]
        assert sorted(sums) == [0, 1, 2, 3, 4]
    assert Counted.times == 1


class Counted:
    """Counts how often it is pickled in this process."""

    times = 0

    def __reduce__(self):
        type(self).times += 1
        return np.zeros, (3,)


def add(shared, task, progress):
    return int(shared.sum()) + task


@pytest.mark.slow
def test_an_error_of_a_task_comes_back_unchanged(nodes):
    for _ in range(5):  # other tasks are done in the same moment, which Ray's own cancelling does not always survive
        with pytest.raises(DataError, match=r"^The second task is refused\.$") as caught:
            list(nodes.workers.map(refuse, range(5)))
        assert type(caught.value) is DataError


def refuse(shared, task, progress):
    if task == 1:
        raise DataError("The second task is refused.")
    return task


@pytest.mark.slow
def test_closed_early_or_interrupted_it_leaves_no_task_behind(nodes, tmp_path):
    for leave in (lambda results: results.close(), interrupt):
        results = nodes.workers.map(wait_for, [None, *[tmp_path / "never"] * 3])
        assert next(results)[0] == 0
        leave(results)
        assert len(list(nodes.workers.map(refuse, [0] * 2))) == 2, "the processors are free again"


def wait_for(shared, path, progress):
    deadline = time.monotonic() + 100
    while path is not None and not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)  # between two looks


def interrupt(results):
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.daemon = True
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        next(results)


@pytest.mark.slow
def test_the_error_names_a_module_that_a_node_lacks(nodes, monkeypatch):
    module = types.ModuleType("only_here")
    exec("def function(shared, task, progress): return task", vars(module))
    monkeypatch.setitem(sys.modules, "only_here", module)
    with pytest.raises(ClusterError, match=r"lacks what the task needs: No module named 'only_here'\. Install mlplab"):
        list(nodes.workers.map(vars(module)["function"], [0]))


@pytest.mark.slow
def test_a_process_that_always_dies_is_an_error(nodes, monkeypatch):
    monkeypatch.setattr(sys.modules[workers.__module__], "_RETRIES", 1)
    with (
        workers(nodes.cluster.address, cpus_per_task=1) as pool,
        pytest.raises(ClusterError, match=r"^Task 0 was started 2 times.*Ray says: \S"),
    ):
        list(pool.map(die, [0]))


def die(shared, task, progress):
    os._exit(1)


@pytest.mark.slow
def test_other_versions_on_a_node_are_warned_about_once(nodes):
    other = {**machine.versions(), "jax": "0.0.1"}
    with pytest.warns(UserWarning, match=r"node far-away has jax 0\.0\.1, not .* results may differ"):
        nodes.workers._compare("far-away", other)
    nodes.workers._compare("far-away", other)  # warnings are errors here
    nodes.workers._compare("near", machine.versions())


@pytest.mark.slow
def test_what_a_cluster_cannot_do_is_refused(nodes):
    with pytest.raises(ClusterError, match=r"takes 64 processors .* more than 1\.$"), workers("auto", cpus_per_task=64):
        pass
    with pytest.raises(UsageError, match=r"connected to the Ray at .* already"), workers("10.0.0.5:6379"):
        pass


@pytest.mark.slow
def test_tasks_of_a_node_that_dies_are_carried_out_on_another(nodes, tmp_path):
    victim = nodes.cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    nodes.cluster.wait_for_nodes()

    def lines():
        return [path.name.split() for path in tmp_path.glob("* *")]

    def kill_a_node_at_work():
        deadline = time.monotonic() + 90
        while victim.node_id not in {node for _, node, _ in lines()} and time.monotonic() < deadline:
            time.sleep(0.01)
        nodes.cluster.remove_node(victim, allow_graceful=False)
        (tmp_path / "go").touch()

    killer = threading.Thread(target=kill_a_node_at_work, daemon=True)
    killer.start()
    with workers(nodes.cluster.address, cpus_per_task=1) as pool:
        assert pool.slots == 3
        results = dict(pool.map(square_after_signal, range(4), shared=tmp_path))
    killer.join()
    assert results == {0: 0, 1: 1, 2: 4, 3: 9}
    lost = [task for task, node, _ in lines() if node == victim.node_id]
    assert lost
    assert all(sum(task == other for other, *_ in lines()) == 2 for task in lost), "started there, and again elsewhere"


def square_after_signal(folder, task, progress):
    """Report the node, wait for the signal, and compute."""
    (folder / f"{task} {ray.get_runtime_context().get_node_id()} {os.getpid()}").touch()
    wait_for(None, folder / "go", None)
    return task**2


@pytest.mark.slow
def test_local_starts_a_quiet_ray_and_stops_it(nodes):
    output = nodes.local.communicate(timeout=120)
    assert (*output, nodes.local.returncode) == ("", "", 0)


@pytest.mark.slow
def test_a_server_that_is_not_ray_is_given_up_within_fifteen_seconds(nodes, silent):
    output, errors = nodes.unanswered.communicate(timeout=60)
    seconds, _, message = output.partition(" ")
    assert float(seconds) < 15
    assert message.startswith(f"No Ray cluster that can be used answers at {silent}: the server there is not Ray")
    assert errors == ""
