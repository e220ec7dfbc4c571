"""What an event costs: the measurement works, and the bytes stay within their goal."""

import pytest

from benchmarks.events import lines, measure_events

MOST_BYTES = 150


@pytest.mark.django_db
def test_an_event_takes_no_more_than_its_bytes():
    found = measure_events(4_000, 20)

    assert found["events"] == 4_000
    assert found["stored_again"] == 0
    assert found["bytes_heap"] <= MOST_BYTES
    assert found["bytes_indexes"] > 0
    assert found["events_per_second"] > 0
    assert found["collected_per_second"] > 0
    assert any("4,000 events" in line for line in lines(found))
