"""Books of customers whose true parameters are known, and the published one."""

from datetime import date

import numpy as np

CALIBRATION_END = date(1997, 9, 30)


def published(path):
    """Return frequency, recency and T in weeks of the published sample, and the days that followed."""
    customers = {}
    for line in path.read_text().splitlines():
        _, customer, day, _, amount = line.split()
        bought = customers.setdefault(int(customer), {})
        at = date.fromisoformat(day)
        bought[at] = bought.get(at, 0.0) + float(amount)
    return [customers[number] for number in sorted(customers)]


def weeks(customers, end):
    """Return (frequency, recency, T), one row a customer that had bought until `end`."""
    rows = []
    for bought in customers:
        days = sorted(day for day in bought if day <= end)
        if days:
            rows.append((len(days) - 1, (days[-1] - days[0]).days / 7, (end - days[0]).days / 7))
    return np.array(rows, dtype=float).T


def draw_book(rng, n, *, rate, lifetime=None, leaving=None, first_may_leave=False, longest=100.0):
    """Return (frequency, recency, T) of customers that buy at `rate` until they leave.

    Either `lifetime` or the chance of `leaving` after each purchase is given, shape (n,).
    """
    age = rng.uniform(0.1 * longest, longest, n)
    end = np.minimum(age, lifetime) if lifetime is not None else age
    frequency, recency = np.zeros(n), np.zeros(n)
    for i in range(n):
        at, stays = 0.0, not (first_may_leave and rng.random() < leaving[i])
        while stays and (at := at + rng.exponential(1 / rate[i])) < end[i]:
            frequency[i], recency[i] = frequency[i] + 1, at
            stays = leaving is None or rng.random() >= leaving[i]
    return frequency, recency, age
