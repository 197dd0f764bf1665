# The one image of Tradewind: every service, the operator and the migration are this image with other arguments.
#
#   docker build -t tradewind:0.1.0 .
#   docker build -t tradewind:0.1.0-freqtrade --build-arg EXTRAS=optimize,freqtrade .    (pandas and TA-Lib as well)
#
# It runs as nobody in particular (user 10001) on a root file system that cannot be written; what it writes goes to
# TRADEWIND_STATE_DIRECTORY and /tmp.
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
# The authorities of the base image, to which a company may have added its own; PYTHONHASHSEED, because sets are compiled
# in the order of their hashes.
ENV PYTHONHASHSEED=0 UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt
WORKDIR /source
COPY requirements.lock ./
# uv is of the same lock, as in the Makefile: one list of pins, every byte checked against a hash.
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.lock > /uv.txt \
 && python3 -m venv /uv && /uv/bin/pip install --quiet --require-hashes -r /uv.txt \
 && python3 -m venv --without-pip /opt/tradewind
COPY pyproject.toml ./
# Searches of Backtests; what else there is stands in pyproject.toml.
ARG EXTRAS="optimize"
# What others have written stays in the builder's cache for as long as the lock does. Two things are left out: the
# official client of Kubernetes (126 MB), which only `kubectl tradewind` uses, on people's machines (tests/node holds
# that), and the tests that packages bring along.
RUN /uv/bin/uv pip install --quiet --python /opt/tradewind --require-hashes --constraints requirements.lock \
      --requirements pyproject.toml $(echo "$EXTRAS" | tr ',' '\n' | sed -n 's/^[a-z]/--extra &/p') \
 && /uv/bin/uv pip uninstall --quiet --python /opt/tradewind kubernetes \
 && find /opt/tradewind/lib -type d -name tests -prune -exec rm -rf {} +
COPY README.md LICENSE NOTICE ./
COPY services services
COPY operator operator
RUN /uv/bin/uv build --quiet --wheel --require-hashes --build-constraints requirements.lock --out-dir /wheel \
 && /uv/bin/uv pip install --quiet --python /opt/tradewind --no-deps /wheel/*.whl \
 && rm -f /opt/tradewind/bin/kubectl-tradewind \
 && find /opt/tradewind/lib -name uv_cache.json -delete \
 && find /opt/tradewind/lib -name RECORD -exec sed -i '/uv_cache.json/d' {} + \
 && /opt/tradewind/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/tradewind/lib

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=""
LABEL org.opencontainers.image.title="Tradewind" \
      org.opencontainers.image.description="Crypto trading bots from one manifest" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/tradewind /opt/tradewind
COPY LICENSE NOTICE /usr/share/doc/tradewind/
# The state directory is a volume in pods; without one a bot keeps its state in /tmp for as long as the container lives.
ENV PATH=/opt/tradewind/bin:${PATH} HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:10001
ENTRYPOINT ["tradewind"]
CMD ["--help"]
