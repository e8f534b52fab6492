#!/bin/sh
# The steps of deploy/Dockerfile in a clean root folder, for machines without a container engine: debootstrap and chroot.
# Run as root in the folder of the repository:
#
#   [HEIC=no] deploy/build_in_root.sh FOLDER [SUITE] [MIRROR]
#
# The root's own Python is used, so it must be 3.11 or later. Everything that pip needs to reach its index (variables
# PIP_…, /etc/pip.conf, /etc/resolv.conf, certificates) is taken from this machine.
set -eu
root=$1 suite=${2:-bookworm} mirror=${3:-http://deb.debian.org/debian}

if [ ! -x "$root/usr/bin/python3" ]; then
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" "$root" "$mirror"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
[ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/pip.conf"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

# What the Dockerfile copies, and nothing else: .dockerignore lets nothing else through either.
rm -rf "$root/build" "$root/opt/shoplens"
mkdir -p "$root/build"
cp deploy/requirements.txt deploy/heic.txt pyproject.toml README.md LICENSE "$root/build"
git ls-files -z src | xargs -0 cp --parents -t "$root/build"

inside() { chroot "$root" "$@"; }
inside python3 -m venv /opt/shoplens
inside /opt/shoplens/bin/pip install --no-cache-dir --require-hashes --requirement /build/requirements.txt
[ "${HEIC:-yes}" != yes ] ||
    inside /opt/shoplens/bin/pip install --no-cache-dir --require-hashes --no-deps --requirement /build/heic.txt
inside sh -c 'cd /build && /opt/shoplens/bin/pip install --no-cache-dir --no-deps --no-build-isolation .'
inside /opt/shoplens/bin/pip uninstall --yes hatchling trove-classifiers pathspec pluggy
rm -rf "$root/build"
inside sh -c 'id shoplens >/dev/null 2>&1 || useradd --system --uid 10001 --no-create-home shoplens'
inside sh -c 'mkdir -p -m 0700 /store && chown shoplens /store'

# As the image runs: another user, no write access but to the store and /tmp. It draws a shop, and serves it.
cat > "$root/tmp/try.sh" <<'TRY'
set -eu
shoplens --version
python -c 'from shoplens.images.formats import FORMATS, format_of; import importlib.util as u
print("reads HEIC:", u.find_spec("pillow_heif") is not None)'
shoplens demo --rendered 30 --out /store/demo > /dev/null
shoplens serve --store /store/demo/store --port 8765 2> /tmp/serve.log &
service=$!
for _ in $(seq 60); do
    python -c 'import urllib.request; print(urllib.request.urlopen("http://127.0.0.1:8765/readyz").read().decode())' \
        2>/dev/null && break
    sleep 1
done
kill $service && wait $service || true
! touch /opt/shoplens/mine 2>/dev/null
TRY
inside setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs \
    env PATH=/opt/shoplens/bin:/usr/bin:/bin SHOPLENS_STORE=/store NUMBA_CACHE_DIR=/tmp HOME=/tmp sh /tmp/try.sh
echo "The image's steps are done in $root."
