"""A server for runs: HTTP, over ONNX Runtime. Neither Keras nor JAX is in its process.

- `server.py`: `serve`: models loaded, address taken, the process until its end
- `run_files.py`: the ONNX file of a run, made once by a child process
- `models.py`: runs by name; `predictor.py`: an ONNX file → a function; `batching.py`: a bounded queue before it
- `app.py`: addresses and their answers; `openapi.py`: their description; `pages.py`: their pages
- `tensors.py`: requests of the Open Inference Protocol; `images.py`: images as people send them
- `access.py`: who may send requests; `bodies.py`, `connections.py`, `limits.py`: how much; `refusals.py`: refused ones
- `metrics.py`: what is counted
"""
