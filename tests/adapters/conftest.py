"""Databases of MariaDB, for tests whose class has none of its own."""

from __future__ import annotations

import pytest

from dbsynth.urls import Location
from tests.conftest import NewDatabase


@pytest.fixture
def here(new_mysql_url: NewDatabase) -> Location:
    """An empty database."""
    return Location("mysql", new_mysql_url())


@pytest.fixture
def there(new_mysql_url: NewDatabase) -> Location:
    """Another empty database."""
    return Location("mysql", new_mysql_url())
