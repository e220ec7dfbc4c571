"""Settings, from the environment only. Every variable is described in docs/operator-guide.md."""

import os
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from config.logging import logging_config
from config.secret import kept_secret

# One thread for each worker process: two that share a core with others make a fit five times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait in a busy loop stop each other

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

SEXTANT_HOME = Path(env.str("SEXTANT_HOME", default=str(BASE_DIR / ".sextant"))).expanduser().resolve()
DEBUG = env.bool("DEBUG", default=False)
TESTING = env.bool("SEXTANT_TESTING", default=False)
EMBEDDED = not (env.str("DATABASE_URL", default="") or env.str("REDIS_URL", default=""))

if EMBEDDED:
    from config import embedded

    # Not into the environment: a child process would take them for servers that somebody else keeps.
    _services = embedded.ensure()
    DATABASE_URL, REDIS_URL = _services.database_url, _services.redis_url
    SECRET_KEY = env.str("SECRET_KEY", default="") or kept_secret(SEXTANT_HOME / "secret")
else:
    DATABASE_URL = env.str("DATABASE_URL")
    REDIS_URL = env.str("REDIS_URL")
    SECRET_KEY = env.str("SECRET_KEY")

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
HTTPS = env.bool("HTTPS", default=not (EMBEDDED or DEBUG))

DATABASES = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"] |= {
    "CONN_MAX_AGE": 600,
    "CONN_HEALTH_CHECKS": True,
    "TEST": {"NAME": env.str("TEST_DATABASE_NAME", default="test_sextant")},
}
DATABASES["default"].setdefault("OPTIONS", {})["application_name"] = "sextant"
# Counters of rate limits only: nothing is lost when they are.
CACHES = {
    "default": {
        "BACKEND": "config.cache.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": env.str("CACHE_KEY_PREFIX", default="sextant"),
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},  # nobody waits to be counted
    }
}
CELERY_BROKER_URL = REDIS_URL
CELERY_QUEUE = env.str("CELERY_QUEUE", default="sextant")
JOB_HEARTBEAT_SECONDS = env.float("JOB_HEARTBEAT_SECONDS", default=10.0)
JOB_DEAD_AFTER_SECONDS = env.float("JOB_DEAD_AFTER_SECONDS", default=60.0)
JOB_RESEND_SECONDS = env.float("JOB_RESEND_SECONDS", default=60.0)
JOB_TICK_SECONDS = env.float("JOB_TICK_SECONDS", default=15.0)
FILES_ROOT = Path(env.str("FILES_ROOT", default=str(SEXTANT_HOME / "files")))
IMPORT_MAX_BYTES = env.int("IMPORT_MAX_BYTES", default=500_000_000)  # of a file that is imported
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_100  # a field for each column of a file that is imported
FEEDS_ROOT = Path(env.str("FEEDS_ROOT", default=str(FILES_ROOT / "feeds")))  # of feeds that are folders
FEEDS_CA_FILE = env.str("FEEDS_CA_FILE", default="")
ANALYTICS_URL = env.str("ANALYTICS_URL", default="duckdb://")
ACCOUNTS_PER_RANGE = env.int("ACCOUNTS_PER_RANGE", 25_000)  # scored by one job
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "config",
    "analytics",
    "campaigns",
    "crm",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "lucide",
    "pghistory",
    "pgtrigger",
    "rest_framework",
    "template_partials",
]
MIDDLEWARE = [
    "config.logging.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "config.requests.RefuseNulMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.refusals.SignInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "crm.views.context.PreferencesMiddleware",
    "config.refusals.NotAllowedMiddleware",
    "pghistory.middleware.HistoryMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "crm.views.context.page_context",
            ],
            "builtins": ["crm.templatetags.ui"],
        },
    }
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING or DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
STATIC_URL = "/static/"
STATIC_ROOT = SEXTANT_HOME / "static"
MEDIA_ROOT = FILES_ROOT
WHITENOISE_USE_FINDERS = TESTING or DEBUG
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

AUTH_USER_MODEL = "crm.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "config.sign_in.ClosedSignUpAdapter"
ACCOUNT_FORMS = {"login": "config.sign_in.SignInForm"}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_PREVENT_ENUMERATION = True
# Behind a proxy everybody has its address: the limits would count all people as one.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXIES", default=1 if HTTPS else 0)
ACCOUNT_RATE_LIMITS = {"login_failed": "5/300s/key,20/60s/ip", "login": "60/m/ip"}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Sextant"
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody signs up, so nobody can lock a stranger's address
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

EMAIL_CONFIG = env.email_url("EMAIL_URL", default=f"filemail://{SEXTANT_HOME / 'mail'}")
vars().update(EMAIL_CONFIG)
if EMAIL_CONFIG["EMAIL_BACKEND"].endswith("filebased.EmailBackend"):
    # The address's parser takes the first slash of the folder for its own.
    EMAIL_FILE_PATH = f"/{EMAIL_CONFIG['EMAIL_FILE_PATH'].lstrip('/')}"
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Sextant <sextant@example.com>")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "config" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
USE_THOUSAND_SEPARATOR = False

SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 14 * 86_400
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    }
}

REST_FRAMEWORK = {
    "URL_FORMAT_OVERRIDE": None,  # `?format=` is a parameter that nobody knows
    "DEFAULT_AUTHENTICATION_CLASSES": ["crm.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["crm.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "crm.api.paging.EnvelopePagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["crm.api.throttling.KeyRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"key": env.str("API_RATE", default="600/min")},
    "EXCEPTION_HANDLER": "crm.api.errors.problem_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Sextant partner API",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "crm.api.schema.close_inputs",
    ],
    "ENUM_NAME_OVERRIDES": {
        "AccountKind": "crm.models.Account.Kind",
        "AccountStage": "crm.models.Account.Stage",
        "EventKind": "crm.models.Event.Kind",
        "OrderKind": "crm.models.Order.Kind",
        "PartnerRole": "crm.models.PartnerAccount.Role",
        "RecommendationKind": "crm.models.Recommendation.Kind",
        "ScoreKind": "crm.models.Score.Kind",
        "ValueKind": "crm.models.Value.Kind",
    },
}
PGHISTORY_MIDDLEWARE_METHODS = ("POST", "PUT", "PATCH", "DELETE")
LOGGING_CONFIG = None
LOGGING = logging_config(level=env.str("LOG_LEVEL", default="INFO"))
import logging.config  # noqa: E402 (needs LOGGING, and Django's own default is switched off)

logging.config.dictConfig(LOGGING)
SILENCED_SYSTEM_CHECKS: list[str] = []
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
