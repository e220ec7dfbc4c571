"""What is odd in Online Retail II, and what becomes of it.

Conditions speak of the columns that `online_retail.candidates` prepares: the file's own ones, and
`code` (trimmed, upper case), `is_return`, `copy_number` and the like.
"""

from crm.services.import_rules import CHANGED, KEPT, REJECTED, Rule

# Postage, carriage, fees, adjustments, vouchers and tests: money or notes, but no goods.
SERVICE_CODES = r"^(POST|DOT|C[23]|M|D|S|B|ADJUST2?|BANK CHARGES|AMAZONFEE|CRUK|GIFT(_[0-9_]+)?|TEST[0-9]*)$"
PRODUCT_CODES = r"^[0-9]{5}[A-Z]*$"
HUGE_QUANTITY = 5_000  # the largest plain orders of the file have a few thousand pieces a line
LARGE_REVERSED = 1_000

RULES = (
    Rule("date_outside_book", REJECTED, "InvoiceDate", "is_inside_book IS NOT TRUE"),
    Rule("no_customer", REJECTED, "Customer ID", "customer IS NULL"),
    Rule("accounting_entry", REJECTED, "Invoice", "NOT is_plain_invoice"),
    Rule("cancellation", KEPT, "Invoice", "is_return"),
    Rule("return_without_sale", KEPT, "Invoice", "is_return AND NOT has_earlier_sale"),
    Rule("return_with_positive_quantity", REJECTED, "Quantity", "is_return AND quantity > 0"),
    Rule("negative_quantity", REJECTED, "Quantity", "quantity < 0 AND NOT is_return"),
    Rule("no_quantity", REJECTED, "Quantity", "quantity IS NULL OR quantity = 0"),
    Rule("huge_quantity", KEPT, "Quantity", f"abs(quantity) >= {HUGE_QUANTITY}"),
    Rule("large_sale_reversed", KEPT, "Quantity", f"abs(quantity) >= {LARGE_REVERSED} AND is_reversed"),
    Rule("no_price", REJECTED, "Price", "price IS NULL OR price <= 0"),
    Rule("exact_duplicate", REJECTED, "", "copy_number > 1"),
    Rule("not_a_product", REJECTED, "StockCode", "is_service OR code IS NULL OR code = ''"),
    Rule("unusual_code", KEPT, "StockCode", "is_unusual AND NOT is_service"),
    Rule("code_in_two_cases", CHANGED, "StockCode", "spellings > 1 AND stock_code <> upper(stock_code)"),
    Rule("code_with_spaces", CHANGED, "StockCode", "stock_code <> btrim(stock_code)"),
    Rule("description_missing", CHANGED, "Description", "tidy_description = '' OR description IS NULL"),
    Rule("description_with_spaces", CHANGED, "Description", "description <> tidy_description"),
    Rule(
        "several_descriptions",
        CHANGED,
        "Description",
        "price > 0 AND written_descriptions > 1 AND description <> product_name",
    ),
    Rule("invoice_at_two_times", CHANGED, "InvoiceDate", "invoiced_at <> first_invoiced_at"),
    Rule("invoice_of_two_customers", REJECTED, "Customer ID", "customer <> first_customer"),
    Rule("customer_in_two_countries", CHANGED, "Country", "country <> latest_country"),
    Rule("country_without_code", CHANGED, "Country", "country_code = ''"),
)
