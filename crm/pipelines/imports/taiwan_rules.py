"""What is odd in the Taiwan credit clients, and what becomes of it.

The set's description knows education 1 to 4, marriage 1 to 3 and repayment -1 and 1 to 9. The other
codes are in thousands of rows: they are kept as codes of their own, and no meaning is made up.
"""

from crm.services.import_rules import KEPT, REJECTED, Rule

RULES = (
    Rule("no_credit_limit", REJECTED, "LIMIT_BAL", "credit_limit IS NULL OR credit_limit <= 0"),
    Rule(
        "no_outcome",
        REJECTED,
        "default.payment.next.month",
        "defaulted IS NULL OR defaulted NOT IN (0, 1)",
    ),
    Rule("same_as_another_client", KEPT, "", "copy_number > 1"),
    Rule("education_undocumented", KEPT, "EDUCATION", "education NOT BETWEEN 1 AND 4"),
    Rule("marriage_undocumented", KEPT, "MARRIAGE", "marriage NOT BETWEEN 1 AND 3"),
    Rule("age_implausible", KEPT, "AGE", "age NOT BETWEEN 18 AND 100"),
    Rule(
        "repayment_undocumented",
        KEPT,
        "",
        "ARRAY[pay_0, pay_2, pay_3, pay_4, pay_5, pay_6]::int[] && ARRAY[0, -2]",
    ),
    Rule(
        "negative_statement",
        KEPT,
        "",
        "least(bill_amt1, bill_amt2, bill_amt3, bill_amt4, bill_amt5, bill_amt6) < 0",
    ),
    Rule(
        "statement_above_limit",
        KEPT,
        "",
        "greatest(bill_amt1, bill_amt2, bill_amt3, bill_amt4, bill_amt5, bill_amt6) > credit_limit",
    ),
)
