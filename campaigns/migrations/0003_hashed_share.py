from django.db import migrations

# The same text gives the same share for ever: the first 52 bits of its SHA-256 over 2^52.
CREATE = """
CREATE FUNCTION sextant_hashed_share(seed text) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ('x' || left(encode(sha256(convert_to(seed, 'UTF8')), 'hex'), 13))::bit(52)::bigint
           / 4503599627370496.0::double precision
$$
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0002_initial")]

    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION sextant_hashed_share(text)")]
