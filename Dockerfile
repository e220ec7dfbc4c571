# Two stages: compilers and pip's cache stay behind, and what runs is not root.
FROM python:3.11-slim AS build
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /src
COPY pyproject.toml requirements.txt ./
# Only what production needs, at the pinned versions: the extra [embedded] is left out.
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > needed.txt \
    && pip install --no-cache-dir --disable-pip-version-check -c requirements.txt -r needed.txt

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /srv/sextant --create-home sextant \
    && install -d -o sextant -g sextant /srv/files
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    SEXTANT_HOME=/srv/sextant FILES_ROOT=/srv/files HOST=0.0.0.0 PORT=8000
WORKDIR /app
COPY manage.py ./
COPY config config
COPY crm crm
COPY campaigns campaigns
COPY analytics analytics
COPY templates templates
USER sextant
# Collecting needs no service; these addresses are not kept and lead nowhere.
RUN DATABASE_URL=postgresql://none@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1/0 SECRET_KEY=only-for-the-build \
    python manage.py collectstatic --noinput -v0
EXPOSE 8000
CMD ["gunicorn", "-c", "python:config.gunicorn", "config.wsgi"]
