"""
A model as one file: a zip of JSON, safetensors and Parquet, with a checksum of each; no pickle.

    manifest.json      format version, dbsynth version, SHA-256 of the other members
    plan.json          the plan with its schema
    tables.json        codecs, layouts, makers, released fan-outs
    weights.safetensors
    rows/N.parquet     the rows of reference tables
    leading/N.M.parquet  pairs of labels of which one follows from the other
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from safetensors import SafetensorError

import dbsynth
from dbsynth import planfile
from dbsynth.documents.generators import Document
from dbsynth.encode import column_from_json, column_to_json
from dbsynth.errors import DbsynthError, ModelFileError
from dbsynth.families import Heritage
from dbsynth.makers import Makers
from dbsynth.meetings import Meeting
from dbsynth.model import find_engine
from dbsynth.plan import TablePlan
from dbsynth.pseudonyms import Pseudonyms
from dbsynth.rows import Layout
from dbsynth.series import Series
from dbsynth.tablemodel import Clusters, Model, RowsModel, TableModel
from dbsynth.timings import Timing

FORMAT_VERSION = 1
MAX_BYTES = 4 << 30  # of one member, unpacked: a file from elsewhere must not fill the memory
_CORRUPT = "Fit the model again, or fetch the file again."
_BROKEN = (
    ValueError, LookupError, TypeError, AttributeError, RuntimeError, EOFError, zlib.error,
    zipfile.BadZipFile, SafetensorError,
)  # fmt: skip
_EPOCH = (1980, 1, 1, 0, 0, 0)  # so that the same model gives the same bytes


def save(model: Model, path: Path) -> None:
    """
    Write a model; the file appears at once or not at all.

    Raises:
        ModelFileError: the file cannot be written.
    """
    weights: dict[str, NDArray[Any]] = {}
    members = {"plan.json": _json(planfile.to_json(model.plan))}
    tables = []
    for number, planned in enumerate(model.plan.tables.values()):
        table = model.tables[planned.name]
        tables.append(_table_data(table, str(number), weights))
        if table.rows is not None:
            members[f"rows/{number}.parquet"] = _parquet(table.rows)
        for place, pairs in enumerate(table.leading.values()):
            members[f"leading/{number}.{place}.parquet"] = _parquet(pairs)
    from safetensors.numpy import save as save_tensors

    members["tables.json"] = _json(tables)
    members["weights.safetensors"] = save_tensors(
        {k: np.ascontiguousarray(v) for k, v in weights.items()}
    )
    manifest = {
        "format": "dbsynth model",
        "version": FORMAT_VERSION,
        "dbsynth": dbsynth.__version__,
        "sha256": {n: hashlib.sha256(d).hexdigest() for n, d in sorted(members.items())},
    }
    _write(path, {"manifest.json": _json(manifest), **members})


def load(path: Path) -> Model:
    """
    Read a model.

    Raises:
        ModelFileError: there is no such file, it is corrupt, or a newer dbsynth wrote it.
    """
    try:
        members = _read(path)
        plan = planfile.from_json(json.loads(members["plan.json"]))
        tables = json.loads(members["tables.json"])
        from safetensors.numpy import load as load_tensors

        weights = load_tensors(members["weights.safetensors"])
        models = {
            t.name: _table_model(t, d, str(i), weights, members)
            for i, (t, d) in enumerate(zip(plan.tables.values(), tables, strict=True))
        }
    except FileNotFoundError as exc:
        raise ModelFileError(f"there is no model file {path}", "Check the path.") from exc
    except OSError as exc:
        raise ModelFileError(f"cannot read {path}: {exc.strerror}", "Check its rights.") from exc
    except ModelFileError:
        raise
    except (*_BROKEN, DbsynthError) as exc:
        raise ModelFileError(f"{path} is not a model file, or is corrupt", _CORRUPT) from exc
    return Model(plan, models)


def _json(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _parquet(rows: pa.Table) -> bytes:
    from pyarrow import parquet

    sink = io.BytesIO()
    parquet.write_table(rows, sink, compression="zstd")
    return sink.getvalue()


def _write(path: Path, members: Mapping[str, bytes]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
        temporary.replace(path)
    except OSError as exc:
        remedy = "Check that the folder exists, is writable and not full."
        raise ModelFileError(f"cannot write {path}: {exc.strerror}", remedy) from exc
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        too_large = [i.filename for i in archive.infolist() if i.file_size > MAX_BYTES]
        if too_large:
            raise ModelFileError(f"{path} holds members of more than 4 GiB", _CORRUPT)
        manifest = json.loads(archive.read("manifest.json"))
        if manifest.get("format") != "dbsynth model":
            raise ModelFileError(
                f"{path} is not a dbsynth model", "Give a file made by `dbsynth fit`."
            )
        if manifest["version"] > FORMAT_VERSION:
            raise ModelFileError(
                f"{path} has format version {manifest['version']}, this dbsynth reads up to "
                f"{FORMAT_VERSION}",
                "Update dbsynth.",
            )
        members = {n: archive.read(n) for n in manifest["sha256"]}
    for name, wanted in manifest["sha256"].items():
        if hashlib.sha256(members[name]).hexdigest() != wanted:
            raise ModelFileError(f"{path} is corrupt: {name} has another checksum", _CORRUPT)
    return members


def _table_data(table: TableModel, prefix: str, weights: dict[str, NDArray[Any]]) -> dict[str, Any]:
    if table.clusters is not None:
        weights[f"{prefix}.clusters"] = table.clusters.centres
        weights[f"{prefix}.clusters.weights"] = table.clusters.weights
    return {
        "structure": _part_data(table.structure, f"{prefix}.structure", weights),
        "content": _part_data(table.content, f"{prefix}.content", weights),
        "outline": _part_data(table.outline, f"{prefix}.outline", weights),
        "has_clusters": table.clusters is not None,
        "alike": list(table.alike),
        "makers": table.makers.to_json(),
        "documents": {n: d.to_json() for n, d in table.documents.items()},
        "pseudonyms": {n: p.to_json() for n, p in table.pseudonyms.items()},
        "counts": {n: c.tolist() for n, c in table.counts.items()},
        "ownerless": table.ownerless,
        "agreements": dict(table.agreements),
        "ends": {k: list(v) for k, v in table.ends.items()},
        "reuse": dict(table.reuse),
        "heritage": table.heritage.to_json() if table.heritage else None,
        "leading": list(table.leading),
        "meetings": {n: m.to_json() for n, m in table.meetings.items()},
        "timings": [t.to_json() for t in table.timings],
        "series": table.series.to_json() if table.series else None,
    }


def _part_data(
    part: RowsModel | None, prefix: str, weights: dict[str, NDArray[Any]]
) -> dict[str, Any] | None:
    if part is None:
        return None
    data, tensors = part.model.saved()
    weights.update({f"{prefix}.{n}": t for n, t in tensors.items()})
    columns = [column_to_json(c) for c in part.layout.columns]
    return {"columns": columns, "engine": part.engine, "model": data}


def _table_model(
    planned: TablePlan,
    data: Mapping[str, Any],
    prefix: str,
    weights: Mapping[str, NDArray[Any]],
    members: Mapping[str, bytes],
) -> TableModel:
    clusters = None
    if data["has_clusters"]:
        clusters = Clusters(*(weights[f"{prefix}.clusters{w}"] for w in ("", ".weights")))
    packed = members.get(f"rows/{prefix}.parquet")
    return TableModel(
        name=planned.name,
        structure=_part(data["structure"], f"{prefix}.structure", weights),
        content=_part(data["content"], f"{prefix}.content", weights),
        outline=_part(data["outline"], f"{prefix}.outline", weights),
        clusters=clusters,
        alike=tuple(data.get("alike", ())),
        makers=Makers.from_json(data["makers"]),
        documents={n: Document.from_json(d) for n, d in data["documents"].items()},
        pseudonyms={n: Pseudonyms.from_json(p) for n, p in data["pseudonyms"].items()},
        counts={n: np.array(c, np.int64) for n, c in data["counts"].items()},
        ownerless=data["ownerless"],
        agreements=data["agreements"],
        ends={k: (float(a), float(b)) for k, (a, b) in data["ends"].items()},
        reuse=data.get("reuse", {}),  # unknown to older files
        heritage=Heritage.from_json(data["heritage"]) if data.get("heritage") else None,
        leading={
            name: _rows(members[f"leading/{prefix}.{place}.parquet"])
            for place, name in enumerate(data["leading"])
        },
        meetings={n: Meeting.from_json(m) for n, m in data.get("meetings", {}).items()},
        timings=tuple(Timing.from_json(t) for t in data.get("timings", ())),
        series=Series.from_json(data["series"]) if data.get("series") else None,
        rows=_rows(packed) if packed is not None else None,
    )


def _rows(packed: bytes) -> pa.Table:
    from pyarrow import parquet

    return parquet.read_table(io.BytesIO(packed))


def _part(
    data: Mapping[str, Any] | None, prefix: str, weights: Mapping[str, NDArray[Any]]
) -> RowsModel | None:
    if data is None:
        return None
    own = {n[len(prefix) + 1 :]: w for n, w in weights.items() if n.startswith(f"{prefix}.")}
    layout = Layout(tuple(column_from_json(c) for c in data["columns"]))
    return RowsModel(layout, data["engine"], find_engine(data["engine"]).load(data["model"], own))
