"""The fixtures, in tests as a user would write them, run by a pytest of their own."""

from pathlib import Path

import pytest

CONFTEST = 'pytest_plugins = ["llmgine_cli.testing.fixtures"]\n'


def test_a_users_test_has_a_bus_a_provider_and_a_home(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-developer")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        """
        import asyncio
        import os

        from llmgine_cli.api import Event
        from llmgine_cli.testing import says


        def test_bus(recording_bus):
            asyncio.run(recording_bus.publish(Event()))
            assert recording_bus.names == ["Event"]


        def test_provider(scripted):
            provider = scripted(says("hello"))
            assert provider.left == 1
            asyncio.run(drain(provider))


        async def drain(provider):
            async for _ in provider.stream(None):
                pass


        def test_home(llmgine_home):
            assert "OPENAI_API_KEY" not in os.environ
            assert list(llmgine_home.iterdir()) == []
            assert os.environ["LLMGINE_HOME"] == str(llmgine_home)
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=3)


def test_a_script_nobody_asked_for_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("def test_unused(scripted):\n    scripted([], [])\n    scripted([])\n")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*scripts that nobody asked for: 3*"])


def test_who_does_not_ask_for_them_has_no_fixture_of_ours(pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makepyfile("def test_nothing(recording_bus):\n    pass\n")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["*fixture 'recording_bus' not found*"])
