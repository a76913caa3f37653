"""A command that failed is told in a sentence; static files are compressed the same way every time."""

import gzip

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _django_manage as manage

OUT = """Operations to perform:
  Apply all migrations: shop
Running migrations:
  Applying shop.0001_initial... OK
  Applying shop.0002_price... OK
  Applying shop.0003_unique_name..."""
ERR = """Traceback (most recent call last):
  File "/srv/shop/releases/x/venv/lib/python3.13/site-packages/django/db/backends/utils.py", line 105, in _execute
    return self.cursor.execute(sql, params)
psycopg.errors.UniqueViolation: could not create unique index "shop_name_key"
DETAIL:  Key (name)=(chair) is duplicated.

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
django.db.utils.IntegrityError: could not create unique index "shop_name_key"
DETAIL:  Key (name)=(chair) is duplicated.
"""


@pytest.mark.parametrize(
    ("output", "applied", "failed"),
    [
        (OUT, ["shop.0001_initial", "shop.0002_price"], "shop.0003_unique_name"),
        (OUT + " OK\n", ["shop.0001_initial", "shop.0002_price", "shop.0003_unique_name"], None),
        ("  Applying shop.0004_data...some output of its own\n OK\n", ["shop.0004_data"], None),
        ("", [], None),
    ],
)
def test_the_migration_that_failed_is_found(output, applied, failed):
    assert manage.parse_migrate(output) == {"applied": applied, "failed": failed}


def test_a_failed_migration_is_named_with_what_the_database_said_and_what_stays():
    sentence = manage.failure(["migrate", "--noinput"], 1, OUT, ERR, "/srv/shop")
    for part in ("shop.0003_unique_name", 'unique index "shop_name_key"', "Key (name)=(chair) is duplicated", "2 migration(s)", "serves on"):
        assert part in sentence
    assert "Traceback" not in sentence


def test_another_command_is_named_with_its_last_line():
    assert "`collectstatic --noinput` ended with 1: ValueError: no" in manage.failure(
        ["collectstatic", "--noinput"], 1, "", "x\nValueError: no\n", "/x"
    )


def test_only_what_shrinks_is_compressed_and_always_to_the_same_bytes(tmp_path):
    for name, content in (("big.css", b"a{b:c}" * 900), ("small.js", b"x" * 100), ("photo.png", b"z" * 9000)):
        (tmp_path / name).write_bytes(content)
    assert manage.compress_tree(str(tmp_path)) == 1
    first = (tmp_path / "big.css.gz").read_bytes()
    assert gzip.decompress(first) == b"a{b:c}" * 900
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big.css", "big.css.gz", "photo.png", "small.js"]
    (tmp_path / "big.css.gz").unlink()
    manage.compress_tree(str(tmp_path))
    assert (tmp_path / "big.css.gz").read_bytes() == first
