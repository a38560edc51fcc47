"""`mlplab serve`: a server for runs."""

import logging
from dataclasses import replace
from typing import Annotated

import typer

from mlplab.cli.options import Json, Quiet, complete_run
from mlplab.cli.output import open_console, print_json, say
from mlplab.errors import UsageError, import_optional, require_whole

_PACKAGES = ("starlette", "uvicorn", "httptools", "orjson", "prometheus_client", "python_multipart")


def serve(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN…",
            help="Run directories. NAME=RUN names its model; by default it has the name of the directory.",
            autocompletion=complete_run,
        ),
    ],
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0: a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="MLPLAB_TOKEN",
            show_envvar=False,
            help="Answer only requests that have it. Needed where others can reach the address. Better in "
            "MLPLAB_TOKEN, since others can see the arguments of a process.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further name by which the server may be called; once for each."),
    ] = None,
    queue: Annotated[int, typer.Option(metavar="N", help="Requests that may wait; further ones get 503.")] = 256,
    body: Annotated[float, typer.Option(metavar="MB", help="Longest body of a request.")] = 16,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print a line for each request.")] = False,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predict for other programs: a server over ONNX Runtime that speaks the Open Inference Protocol.

    Images can be sent as they are to /predict, and a person finds a page at /. Ends with Ctrl-C or SIGTERM.
    """
    console = open_console(quiet)
    logging.getLogger("mlplab.serving").setLevel(logging.INFO if verbose else logging.WARNING)
    require_whole("queue", queue)
    for package in _PACKAGES:
        import_optional("A server", "mlplab[serve]", package)
    from mlplab.serving.limits import Limits  # and what a server needs, which other verbs do without
    from mlplab.serving.models import named_runs
    from mlplab.serving.server import Address
    from mlplab.serving.server import serve as run_server

    if not 0 < body <= 1000:
        raise UsageError(f"--body must be from 0 to 1000 MB; got {body:g}.")
    limits = replace(Limits(), waiting=queue, body_bytes=int(body * 1e6))
    named = named_runs(runs)

    def ready(url: str) -> None:
        say(console, f"Serving {', '.join(named)} at {url} (Ctrl-C ends it)")
        if json_:
            print_json(url=url, models=list(named))
        if open_:
            typer.launch(url)

    address = Address(host, port, token, tuple(allow_host or ()))
    run_server(named, address, limits, say=lambda text: say(console, text), ready=ready)
