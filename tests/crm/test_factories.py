import pytest

from tests import factories

FACTORIES = [
    made
    for name, made in vars(factories).items()
    if name.endswith("Factory")
    and hasattr(made, "_meta")
    and not made._meta.abstract
    and made._meta.model is not None
]


@pytest.mark.django_db
@pytest.mark.parametrize("build", FACTORIES, ids=lambda made: made.__name__)
def test_the_database_accepts_what_a_factory_makes(build):
    extra = {}
    if build is factories.ExternalIdFactory:
        extra = {"row_id": factories.AccountFactory().pk}
    if build is factories.OrderLineFactory:
        extra = {"order": factories.OrderFactory(lines=0)}

    row = build(**extra)

    row.refresh_from_db()
    assert row.pk
