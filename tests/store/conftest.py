import pytest
from made_up import MODEL

from inclusions.store import Store


@pytest.fixture
def place(tmp_path):
    return Store(tmp_path / "data", MODEL, 7, 50)
