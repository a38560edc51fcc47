"""Modules that Keras imports and dense networks never use: imported when something first asks one of them for a name.

Where all of them are installed, Keras is imported in a third of the time so. It changes nothing else: `keras.wrappers`
or `jax.experimental.sparse.linalg` is there as always, and its code runs a little later. Modules that are imported
already stay as they are.
"""

import importlib.machinery
import importlib.util
import sys
import threading
from collections.abc import Sequence
from types import ModuleType
from typing import Any

LATE = frozenset(
    {
        "IPython",
        "jax.experimental.pallas",
        "jax.experimental.pallas.ops.tpu.splash_attention",
        "jax.experimental.pallas.ops.tpu.splash_attention.splash_attention_kernel",
        "jax.experimental.pallas.ops.tpu.splash_attention.splash_attention_mask",
        "jax.experimental.sparse.linalg",  # imports scipy.sparse
        "keras._tf_keras",
        "keras.applications",
        "keras.legacy",
        "keras.src.applications",
        "keras.src.legacy.saving.legacy_h5_format",  # h5py
        "keras.src.trainers.data_adapters.array_slicing",  # pandas
        "keras.src.visualization",  # matplotlib
        "keras.visualization",
        "keras.wrappers",  # scikit-learn
        "psutil",
        "requests",
    }
)
"""The modules, of which nothing is asked for in the import of Keras; in comments, what each would import."""


def install() -> None:
    """Import these modules late from now on, as long as Keras is being imported."""
    sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds the modules in `LATE` while Keras is being imported, and nothing at any other time."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if name not in LATE:
            return None
        keras = getattr(sys.modules.get("keras"), "__spec__", None)
        # `_initializing` is what the import system itself looks at to report circular imports.
        if not getattr(keras, "_initializing", False):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment] - no subclass of importlib.abc.Loader, which would be imported for its name alone
        return spec


class _Loader:
    """Makes a module without running its code."""

    def __init__(self, loader: Any):
        self.loader = loader

    def create_module(self, spec: Any) -> ModuleType:
        return _LateModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


_OF_THE_IMPORT_SYSTEM = frozenset({"_late", "__cached__", "__file__", "__package__", "__path__"})
"""Names that a module is asked for while it is made."""


class _LateModule(ModuleType):
    """A module whose code runs when a name in it is first asked for. From then on it is a module as any other."""

    def __init__(self, name: str):
        super().__init__(name)
        self._late = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        if name in _OF_THE_IMPORT_SYSTEM:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if f"{self.__name__}.{name}" in LATE:
            return importlib.import_module(f"{self.__name__}.{name}")
        with self._late:
            loader = self.__loader__
            if isinstance(loader, _Loader):  # else this thread runs the code already, or another thread has
                assert self.__spec__ is not None
                self.__loader__ = self.__spec__.loader = loader.loader
                try:
                    loader.loader.exec_module(self)
                except BaseException:
                    self.__loader__ = self.__spec__.loader = loader  # type: ignore[assignment] - as in `find_spec`
                    raise
                self.__class__ = ModuleType  # pyright: ignore[reportAttributeAccessIssue]
        return ModuleType.__getattribute__(self, name)
