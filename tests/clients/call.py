"""Triton's and KServe's clients against a server at a URL. Run with .peers/clients, by run.py.

python call.py URL ROWS.npz
"""

import asyncio
import sys

import kserve
import numpy as np
import tritonclient.http as triton


def with_triton(url: str, rows: np.ndarray) -> list[np.ndarray]:
    """Return the probabilities that Triton's client gets, with binary tensors, its default, and with JSON."""
    found = []
    with triton.InferenceServerClient(url.removeprefix("http://"), concurrency=4) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("digits")
        assert client.is_model_ready("digits", "1")
        assert not client.is_model_ready("none")
        assert client.get_server_metadata()["name"] == "mlplab"
        assert client.get_model_metadata("digits")["inputs"] == [
            {"name": "input", "datatype": "UINT8", "shape": [-1, 8, 8]}
        ]
        for as_bytes in (True, False):
            given = triton.InferInput("input", list(rows.shape), "UINT8")
            given.set_data_from_numpy(rows, binary_data=as_bytes)
            wanted = [triton.InferRequestedOutput("probabilities", binary_data=as_bytes)]
            for outputs in (None, wanted):
                answer = client.infer("digits", [given], outputs=outputs, request_id="7", model_version="1")
                assert answer.get_response()["id"] == "7"
                found.append(answer.as_numpy("probabilities"))
        waiting = [client.async_infer("digits", [given]) for _ in range(8)]
        found += [each.get_result().as_numpy("probabilities") for each in waiting]
        try:
            client.infer("digits", [triton.InferInput("input", [1, 9], "UINT8").set_data_from_numpy(rows[:1, :1, 0])])
        except triton.InferenceServerException as error:
            print(f"tritonclient on a wrong shape: {error}")
    return found


async def with_kserve(url: str, rows: np.ndarray) -> list[np.ndarray]:
    """Return the probabilities that KServe's client gets."""
    found = []
    client = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2", timeout=30))
    assert await client.is_server_live(url)
    assert await client.is_server_ready(url)
    assert await client.is_model_ready(url, "digits")
    for as_bytes in (True, False):
        given = kserve.InferInput("input", list(rows.shape), "UINT8")
        given.set_data_from_numpy(rows, binary_data=as_bytes)
        request = kserve.InferRequest("digits", [given], request_id="7")
        answer = await client.infer(url, request, model_name="digits")
        found.append(answer.outputs[0].as_numpy())
    await client.close()
    return found


def main() -> None:
    url, file = sys.argv[1:]
    arrays = np.load(file)
    for name, found in (
        ("tritonclient.http", with_triton(url, arrays["rows"])),
        ("kserve", asyncio.run(with_kserve(url, arrays["rows"]))),
    ):
        for probabilities in found:
            np.testing.assert_allclose(probabilities, arrays["probabilities"], rtol=0, atol=1e-5)
        print(f"{name}: {len(found)} answers of {len(arrays['rows'])} rows as the run predicts them")


if __name__ == "__main__":
    main()
