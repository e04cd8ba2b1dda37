"""The methods of `Builder` for what runs in this process: models, their device and memory, tokenizers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from ratatoskr.config.builder_providers import ProviderMethods
from ratatoskr.errors import ConfigurationError
from ratatoskr.local.precision import PrecisionChoice
from ratatoskr.types.frames import hide_arguments_of_methods
from ratatoskr.types.local import LabelNames, LocalModelName
from ratatoskr.types.visible import quote

if TYPE_CHECKING:
    from ratatoskr.local.engine.device import Device

__all__ = ["LocalMethods"]


@hide_arguments_of_methods
class LocalMethods(ProviderMethods):
    """The part of `Builder` that adds models of this process."""

    def local_embeddings(self, model: str | Path, precision: PrecisionChoice = "fp32") -> Self:
        """Embed with a model in this process. It needs the extra `[local]` or `[cuda]`, and is loaded on first use.

        Args:
            model: a name in the catalogue (`AllMiniLmL6V2`), `organisation/name` of a model in the store, or a folder.
            precision: `fp32`; on a CPU also `int8`, an approximation that is about twice as fast, `bf16` on processors
                that compute in it (extra `[openvino]`), or `auto` for the fastest one that is as good as fp32.
        """
        _check_precision(precision)
        return self._set_local(models=(*self._recipe.local.models, (model, precision)))

    def local_nli(
        self, model: LocalModelName, precision: PrecisionChoice = "fp32", *, labels: LabelNames | None = None
    ) -> Self:
        """Infer, classify with labels of the caller's, and judge stances by a model in this process.

        It needs the extra `[local]` or `[cuda]`, and is loaded on first use.

        Args:
            model: a name in the catalogue (`NliDebertaV3Base`), `organisation/name` of a model in the store, a folder
                with an ONNX file, `tokenizer.json` and `config.json`, or `(model.onnx, tokenizer.json)`.
            precision: `fp32`, or `int8` for the quantised graph of the model's folder.
            labels: the names of the labels in the order of the logits, or by the names that `config.json` has; needed
                only where `config.json` does not say what the labels mean.
        """
        return self._add_analysis("nli", model, precision, labels)

    def local_classifier(
        self, model: LocalModelName, precision: PrecisionChoice = "fp32", *, labels: LabelNames | None = None
    ) -> Self:
        """Classify texts by a model in this process, with the labels that it was trained for.

        Args:
            model: as in `local_nli`.
            precision: as in `local_nli`.
            labels: other names for the labels, as in `local_nli`.
        """
        return self._add_analysis("classify", model, precision, labels)

    def local_reranker(self, model: LocalModelName, precision: PrecisionChoice = "fp32") -> Self:
        """Rerank by a cross-encoder in this process, such as `MsMarcoMiniLmL6V2`; arguments as in `local_nli`."""
        return self._add_analysis("rerank", model, precision, None)

    def _add_analysis(
        self,
        kind: Literal["nli", "classify", "rerank"],
        model: LocalModelName,
        precision: PrecisionChoice,
        labels: LabelNames | None,
    ) -> Self:
        _check_precision(precision)
        return self._set_local(analysis=(*self._recipe.local.analysis, (kind, model, precision, labels)))

    def device(self, device: Device) -> Self:
        """Run local models on a device: `Device.cpu()`, the default, or `Device.cuda(0)`."""
        from ratatoskr.local.engine.device import Device

        if not isinstance(device, Device):
            raise ConfigurationError(
                f"device must be Device.cpu() or Device.cuda(0), not {quote(device)}", field="device"
            )
        return self._set_local(device=device)

    def threads(self, n: int) -> Self:
        """Tokenise and compute local models in `n` threads.

        By default one for each CPU that the process may use, as its affinity and the quota of its container allow.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ConfigurationError(f"threads must be a whole number above 0, not {n!r}", field="threads")
        return self._set_local(threads=n)

    def cache_dir(self, path: str | Path) -> Self:
        """Keep local models in a folder, in place of `$RATATOSKR_CACHE_DIR` or the user's cache."""
        if not isinstance(path, str | Path) or not str(path):
            raise ConfigurationError(f"cache_dir must be the path of a folder, not {quote(path)}", field="cache_dir")
        return self._set_local(cache_dir=path)

    def ram_budget(self, bytes: int) -> Self:
        """Limit the bytes that local models add to this process; the least recently used are unloaded for others.

        By default four fifths of the memory limit of the process's control groups, as of a container, if there is one.
        """
        if isinstance(bytes, bool) or not isinstance(bytes, int) or bytes < 1:
            raise ConfigurationError(
                f"ram_budget must be a whole number of bytes above 0, not {quote(bytes)}", field="ram_budget"
            )
        return self._set_local(ram_budget=bytes)

    def tokenizers(self, tokenizers: Mapping[str, str | Path]) -> Self:
        """Set the tokenizers of models that the built-in table does not know, for `count_tokens` and `tokenize`.

        Args:
            tokenizers: names or patterns of models (`*` for anything) to an encoding (`o200k_base`), the path of a
                `tokenizer.json` or of its folder, `organisation/name` of a tokenizer in the store, or another model.
        """
        if not isinstance(tokenizers, Mapping):
            raise ConfigurationError(
                f"tokenizers must map names of models to tokenizers, not be a {type(tokenizers).__name__}",
                field="tokenizers",
            )
        return self._set(tokenizers=tuple({**dict(self._recipe.tokenizers), **tokenizers}.items()))

    def _set_local(self, **changes: Any) -> Self:
        return self._set(local=replace(self._recipe.local, **changes))


def _check_precision(precision: object) -> None:
    if not isinstance(precision, str) or precision not in get_args(PrecisionChoice):
        text = f"precision must be fp32, int8, bf16 or auto, not {quote(precision)}"
        raise ConfigurationError(text, field="precision")
