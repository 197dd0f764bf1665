"""Keys given as files: which ones a process rests on, and that their change is seen."""

from __future__ import annotations

import asyncio

from tradewind.kernel.given_files import given_files, until_changed
from tradewind.kernel.settings import ExchangeCredentials, Settings


def test_a_laptop_rests_on_no_given_file(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s")
    assert given_files(Settings(credentials={"binance": ExchangeCredentials(secret_file=secret)})) == ()


def test_a_pod_rests_on_its_keys_and_on_the_credentials_of_its_exchanges(tmp_path):
    keys, credentials = tmp_path / "keys", tmp_path / "credentials"
    for folder, names in ((keys, ("api-key", "service-token.key")), (credentials, ("api-key", "secret"))):
        folder.mkdir()
        for name in names:
            (folder / name).write_text(name)
    account = ExchangeCredentials(api_key_file=credentials / "api-key", secret_file=credentials / "secret")
    settings = Settings(
        key_directory=keys, gateway={"api_key_file": keys / "api-key"}, credentials={"binance": account}
    )
    expected = (keys / "api-key", keys / "service-token.key", credentials / "api-key", credentials / "secret")
    assert given_files(settings) == expected


def test_a_pod_rests_on_the_files_of_its_strategies(tmp_path):
    """As the kubelet lays a ConfigMap out: links to a folder that is swapped whole."""
    keys, folder = tmp_path / "keys", tmp_path / "strategies" / "dip"
    keys.mkdir()
    (folder / "..1").mkdir(parents=True)
    (folder / "..1" / "dip.py").write_text("class Dip: ...")
    (folder / "..data").symlink_to("..1")
    (folder / "dip.py").symlink_to("..data/dip.py")
    found = given_files(Settings(key_directory=keys, strategy_directory=folder.parent))
    assert found == (folder / "dip.py",)
    assert given_files(Settings(key_directory=keys, strategy_directory=tmp_path / "nowhere")) == ()


async def test_a_change_is_seen_also_where_the_kubelet_swaps_a_link_and_a_gap_is_none(tmp_path):
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "secret").write_text(version)
    data, file = tmp_path / "data", tmp_path / "secret"
    data.symlink_to("1")
    file.symlink_to("data/secret")
    watching = asyncio.create_task(until_changed([file], 0.001))
    await asyncio.sleep(0.02)
    data.unlink()  # cannot be read for a moment
    await asyncio.sleep(0.02)
    assert not watching.done()
    data.symlink_to("1")
    await asyncio.sleep(0.02)
    assert not watching.done(), "the same content is no change"
    data.unlink()
    data.symlink_to("2")
    assert await asyncio.wait_for(watching, 5) == file
