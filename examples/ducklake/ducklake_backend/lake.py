"""The lake's two stores. A record is in the lake once the catalog knows the object that it is in."""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from psycopg.rows import dict_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Record = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS lake (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    id        uuid NOT NULL
);
CREATE TABLE IF NOT EXISTS data_file (
    snapshot     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_name   text NOT NULL,
    path         text NOT NULL UNIQUE,
    record_count integer NOT NULL,
    byte_count   bigint NOT NULL,
    sha256       text NOT NULL,
    written_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS data_file_of_table ON data_file (table_name, snapshot);
"""
_SCHEMA_LOCK = 0x6475636B
"""The number of the lock under which one replica at a time makes the schema."""

_ID_KEY = "lake-id"
"""The object that says which catalog the bucket belongs to."""

_NOT_THERE = {"404", "NoSuchBucket", "NoSuchKey"}
_THERE_ALREADY = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


class Unavailable(Exception):
    """A store does not answer, or the two do not belong together; the message says which and why."""


class Damaged(Exception):
    """An object is not what the catalog says of it."""


class Lake:
    """The lake in a bucket of the S3 store at `endpoint`.

    libpq finds the catalog (`PGHOST`, `PGUSER`, …) and boto3 the credentials (`AWS_ACCESS_KEY_ID`, …) in the
    process's environment. All methods may be called by several threads, and raise Unavailable.
    """

    def __init__(self, endpoint: str, bucket: str) -> None:
        self._bucket = bucket
        limits = Config(
            connect_timeout=2, read_timeout=3, retries={"max_attempts": 1}, s3={"addressing_style": "path"}
        )
        self._store = boto3.client("s3", endpoint_url=endpoint, config=limits)
        self._opened = False

    def check(self) -> None:
        """See that both stores answer and belong together; what they lack at first is made."""
        try:
            if not self._opened:
                self._open()
            self._compare()
            self._opened = True
        except Unavailable:
            self._opened = False
            # A connection that was made while the service led elsewhere would be kept, and go on to lead there.
            self._store.close()
            raise

    def write(self, table: str, records: Sequence[Record]) -> Mapping[str, Any]:
        """Add records to a table and return what the catalog now knows of them."""
        content = "".join(f"{json.dumps(each)}\n" for each in records).encode()
        path = f"{table}/{uuid.uuid4()}.jsonl"
        with _store_errors():
            self._store.put_object(Bucket=self._bucket, Key=path, Body=content, ContentType="application/jsonl")
        insert = """INSERT INTO data_file (table_name, path, record_count, byte_count, sha256)
                    VALUES (%s, %s, %s, %s, %s) RETURNING snapshot, path, record_count"""
        with _catalog() as catalog:
            row = (table, path, len(records), len(content), hashlib.sha256(content).hexdigest())
            written = catalog.execute(insert, row).fetchone()
        return dict(written or {})

    def read(self, table: str) -> list[Record]:
        """Return all records of a table, in the order they were written; raises Damaged."""
        select = "SELECT path, sha256 FROM data_file WHERE table_name = %s ORDER BY snapshot"
        with _catalog() as catalog:
            files = catalog.execute(select, (table,)).fetchall()
        return [record for each in files for record in self._records(each["path"], each["sha256"])]

    def tables(self) -> list[Mapping[str, Any]]:
        """Return every table with its number of objects, records and bytes."""
        select = """SELECT table_name AS name, count(*) AS objects, sum(record_count)::bigint AS records,
                           sum(byte_count)::bigint AS bytes
                    FROM data_file GROUP BY table_name ORDER BY table_name"""
        with _catalog() as catalog:
            return list(catalog.execute(select).fetchall())

    def _records(self, path: str, sha256: str) -> Iterator[Record]:
        content = self._content(path)
        if content is None or hashlib.sha256(content).hexdigest() != sha256:
            raise Damaged(f"{path} is not the object that the catalog knows")
        return (json.loads(line) for line in content.splitlines())

    def _open(self) -> None:
        with _catalog() as catalog:
            catalog.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
            catalog.execute(_SCHEMA)
            catalog.execute("INSERT INTO lake (id) VALUES (%s) ON CONFLICT DO NOTHING", (uuid.uuid4(),))
        with _store_errors(), _ignoring(_THERE_ALREADY):
            self._store.create_bucket(Bucket=self._bucket)
        if self._content(_ID_KEY) is None:
            with _store_errors():
                self._store.put_object(Bucket=self._bucket, Key=_ID_KEY, Body=str(_lake_id()).encode())

    def _compare(self) -> None:
        wanted, found = str(_lake_id()), (self._content(_ID_KEY) or b"nothing").decode(errors="replace").strip()
        if found != wanted:
            raise Unavailable(f"the catalog is of lake {wanted}, but the bucket {self._bucket} of {found}")

    def _content(self, path: str) -> bytes | None:
        with _store_errors(), _ignoring(_NOT_THERE):
            return bytes(self._store.get_object(Bucket=self._bucket, Key=path)["Body"].read())
        return None


def _lake_id() -> uuid.UUID | None:
    with _catalog() as catalog:
        row = catalog.execute("SELECT id FROM lake").fetchone()
    return row["id"] if row else None


@contextlib.contextmanager
def _catalog() -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """Connect for one transaction; nothing has to be mended when PostgreSQL comes back after it was away."""
    try:
        with psycopg.connect(row_factory=dict_row) as connection:
            yield connection
    except psycopg.Error as error:
        raise Unavailable(f"the catalog: {' '.join(str(error).split()) or type(error).__name__}") from error


@contextlib.contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"the object store: {error}") from error


@contextlib.contextmanager
def _ignoring(codes: set[str]) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise
