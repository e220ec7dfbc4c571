"""What operators read is what the code reads."""

import re

from config.embedded import REPOSITORY
from config.health import CHECKS

GUIDE = (REPOSITORY / "docs" / "operator-guide.md").read_text()


def test_every_variable_of_the_environment_is_described():
    read = re.compile(r"""(?:env(?:\.\w+)?\(|environ\.get\(|environ\[)\s*"([A-Z_]+)\"""")
    names = {
        name
        for file in sorted((REPOSITORY / "config").glob("*.py"))
        for name in read.findall(file.read_text())
    }

    assert "DATABASE_URL" in names
    assert sorted(name for name in names if f"`{name}`" not in GUIDE) == []


def test_every_check_of_readiness_is_described():
    assert [name for name in CHECKS if f"| {name} |" not in GUIDE] == []


def test_compose_sets_what_the_guide_calls_needed():
    needed = set(re.findall(r"^\| `(\w+)` \| yes \|", GUIDE, flags=re.MULTILINE))
    compose = (REPOSITORY / "compose.yaml").read_text()

    assert needed == {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS", "EMAIL_URL"}
    assert [name for name in needed if f"    {name}: " not in compose] == []
