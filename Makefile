# Everything a developer or an operator of a trial needs: Python 3.11 or later, make and pip.
# `make run` shows the product, `make test` runs its tests, `make check` is what CI runs.

PYTHON ?= python3
PORT ?= 8000
JOBS ?= 2
PY := .venv/bin/python
TEMPLATES := find templates crm campaigns analytics -name '*.html' -print0
# Nothing may be started for a look at the source, so the addresses lead nowhere.
NO_SERVICES := DATABASE_URL=postgresql://nobody@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0 \
	SECRET_KEY=only-for-looking-at-the-source-and-never-for-serving-anybody
# What a careful operator would set; `check --deploy` must find nothing to say about it.
AS_IN_PRODUCTION := $(NO_SERVICES) ALLOWED_HOSTS=crm.example.com EMAIL_URL=smtp://mail.example.com:25 HTTPS=1

.PHONY: help setup setup-dev spark-setup run test check bench proof lint format types templates audit deploy-check \
	migrations-check messages demo-reset clean python

help:
	@echo 'make run         the product with demo data, until Ctrl-C (PORT=8001 for another port)'
	@echo 'make test        all tests'
	@echo 'make check       everything CI checks, tests last'
	@echo 'make demo-reset  delete the data of make run and start over next time'
	@echo 'also: setup format lint types templates audit bench proof messages spark-setup'

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'Sextant needs Python 3.11 or later; "$(PYTHON)" is older or missing.'; \
		echo 'Name another one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12'; exit 1; }

# $(1): name of the stamp, $(2): requirement files. A stamp is written last and holds what was
# installed, so an interrupted or outdated installation is simply repeated.
define install
	@wanted=$$(cat $(2) | cksum; $(PYTHON) --version); \
	if [ "$$wanted" != "$$(cat .venv/.installed-$(1) 2>/dev/null)" ]; then \
		$(PY) -m pip --version >/dev/null 2>&1 || { echo 'Making the virtual environment in .venv'; \
			$(PYTHON) -m venv --clear .venv || { \
				echo 'The module venv is missing or broken (Debian, Ubuntu: apt install python3-venv).'; exit 1; }; }; \
		echo 'Installing dependencies ($(1)); the first time this takes a minute or two'; \
		$(PY) -m pip install --quiet --disable-pip-version-check $(addprefix -r ,$(2)) || { \
			echo 'The installation failed; the lines above say why. Run the same command again to go on.'; exit 1; }; \
		echo "$$wanted" > .venv/.installed-$(1); \
	fi
endef

setup: python
	$(call install,run,requirements.txt)

setup-dev: setup
	$(call install,dev,requirements.txt requirements-dev.txt)

spark-setup: setup-dev
	$(call install,spark,requirements.txt requirements-spark.txt)

run: setup
	@PORT=$(PORT) exec $(PY) -m config.supervisor

demo-reset: setup
	@$(PY) -m config.supervisor reset

test: setup-dev
	$(PY) -m pytest -n $(JOBS) --create-db

lint: setup-dev
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -c 'from importlinter.cli import lint_imports_command as main; main()'

format: setup-dev
	$(PY) -m ruff check --fix --exit-zero --quiet
	$(PY) -m ruff format
	@$(TEMPLATES) | xargs -0 .venv/bin/djade --target-version 5.2 || true
	@$(TEMPLATES) | xargs -0 $(PY) -m djhtml --tabwidth 4

types: setup-dev
	$(NO_SERVICES) $(PY) -m mypy

templates: setup-dev
	@$(TEMPLATES) | xargs -0 $(PY) -m djhtml --check --tabwidth 4
	@$(TEMPLATES) | xargs -0 .venv/bin/djade --target-version 5.2 --check

audit: setup-dev
	@$(PY) .ci/audit.py

deploy-check: setup-dev
	$(AS_IN_PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING

migrations-check: setup-dev
	DJANGO_SETTINGS_MODULE=config.settings_test $(PY) manage.py makemigrations --check --dry-run

# pytest comes last, so that its summary is what one sees at the end. ALSO names what its tests need beside.
check: $(ALSO) lint types templates deploy-check audit migrations-check
	$(PY) -m pytest -n $(JOBS) --create-db

proof: setup-dev
	SEXTANT_PROOF=full $(PY) -m pytest -n 0 -m "proof or long or browser"

bench: setup-dev
	@$(PY) -m benchmarks $(SIZES)
	@$(PY) -m benchmarks.events

# Needs gettext (apt install gettext). The compiled files are kept in the repository, because a
# machine that only runs the product has no gettext.
messages: setup-dev
	$(NO_SERVICES) $(PY) manage.py makemessages --all --no-location --no-wrap --no-obsolete \
		--ignore '.venv/*' --ignore 'tests/*'
	$(NO_SERVICES) $(PY) manage.py compilemessages --ignore '.venv/*'

clean:
	-@test ! -x $(PY) || SEXTANT_HOME=.sextant-test $(PY) -m config.embedded stop
	rm -rf .sextant-test .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
