# shellcheck shell=bash
# What ./run and ./test share: install what is missing, find or fetch CUDA, configure, build.
# Sourced; expects `root` (the repository) to be set. Documented exit code: 3, environment not ready.

: "${root:?the sourcing script sets it to the repository}"
# shellcheck source=versions.env
source "${root}/versions.env"
deps="${root}/.deps"

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
not_ready() {
  printf 'error: %s\n' "$*" >&2
  exit 3
}

# install_packages <package>...: installs those that dpkg does not know as installed.
install_packages() {
  command -v dpkg-query >/dev/null || {
    say "Not a Debian or Ubuntu machine: taking for granted: $*"
    return
  }
  local missing=() package
  for package in "$@"; do
    [[ "$(dpkg-query -W -f='${Status}' "${package}" 2>/dev/null)" == *"ok installed" ]] ||
      missing+=("${package}")
  done
  ((${#missing[@]} == 0)) && return
  local as_root=()
  if ((EUID != 0)); then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      as_root=(sudo)
    elif command -v sudo >/dev/null && [[ -t 0 ]]; then
      as_root=(sudo)
    else
      not_ready "packages are missing and this user may not install them; run:" \
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
    fi
  fi
  say "Installing ${missing[*]}"
  local log="${root}/build/setup.log"
  mkdir -p "${root}/build"
  if ! { "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"${log}" 2>&1; then
    tail -n 5 "${log}" >&2
    not_ready "apt-get could not install the packages above (log: ${log}); run:" \
      "apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  fi
}

# nccl_is_new_enough <nccl.h>
nccl_is_new_enough() {
  [[ -e "$1" ]] || return 1
  local version
  version="$(sed -n 's/^#define NCCL_\(MAJOR\|MINOR\) \([0-9]*\).*/\2/p' "$1" | paste -sd .)"
  [[ "$(printf '%s\n%s\n' "${RACKPROOF_NCCL_MINIMUM}" "${version}" | sort -V | head -n 1)" == \
    "${RACKPROOF_NCCL_MINIMUM}" ]]
}

# available_packages <package>...: prints those that this distribution has (Ubuntu has no chromium).
available_packages() {
  local package
  for package in "$@"; do
    if ! command -v apt-cache >/dev/null || dpkg-query -W "${package}" >/dev/null 2>&1 ||
      apt-cache show "${package}" >/dev/null 2>&1; then
      printf '%s\n' "${package}"
    fi
  done
}

# nvcc_is_new_enough <nvcc>
nvcc_is_new_enough() {
  local version
  version="$("$1" --version 2>/dev/null | sed -n 's/.*release \([0-9.]*\),.*/\1/p')"
  [[ -n "${version}" ]] &&
    [[ "$(printf '%s\n%s\n' "${RACKPROOF_NVCC_MINIMUM}" "${version}" | sort -V | head -n 1)" == \
      "${RACKPROOF_NVCC_MINIMUM}" ]]
}

# fetch_wheels <folder> <package==version>...: into .deps/<folder>, beside the system's Python.
# One call a folder: pip does not merge a second package into a folder that is already there.
fetch_wheels() {
  local folder="${deps}/$1"
  shift
  python3 -m pip --version >/dev/null 2>&1 || install_packages python3 python3-pip
  say "Fetching $* from PyPI into ${folder#"${root}/"} (once; about 1 GB for a whole toolkit)"
  rm -rf "${folder}.partial"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
    --target "${folder}.partial" "$@" ||
    not_ready "PyPI could not be reached; install CUDA ${RACKPROOF_NVCC_MINIMUM} or newer" \
      "(with NCCL) and set CUDA_HOME to it"
  rm -rf "${folder}"
  mv "${folder}.partial" "${folder}"
}

# The wheels carry sonames only; linkers and CMake look for the plain names and lib64.
link_wheel_libraries() {
  local folder library plain
  for folder in "$@"; do
    for library in "${folder}"/lib*.so.*; do
      plain="${library%%.so.*}.so"
      [[ -e "${plain}" ]] || ln -s "$(basename "${library}")" "${plain}"
    done
  done
}

# Sets CUDACXX (and NCCL_HOME where the toolkit has no NCCL) for CMake.
find_cuda() {
  local wheel_toolkit="${deps}/cuda/nvidia/cu13" wheel_nccl="${deps}/nccl/nvidia/nccl"
  local candidate
  local candidates=("$(command -v nvcc || true)" "${CUDA_HOME:+${CUDA_HOME}/bin/nvcc}"
    /usr/local/cuda/bin/nvcc)
  # A stale one from the environment would be used unchecked.
  unset CUDACXX
  # RACKPROOF_CUDA=wheels takes the path of a machine without a toolkit.
  [[ "${RACKPROOF_CUDA:-}" == wheels ]] && candidates=()
  for candidate in "${candidates[@]}" "${wheel_toolkit}/bin/nvcc"; do
    if [[ -n "${candidate}" ]] && nvcc_is_new_enough "${candidate}"; then
      export CUDACXX="${candidate}"
      break
    fi
  done
  if [[ -z "${CUDACXX:-}" ]]; then
    # shellcheck disable=SC2086  # a list of words on purpose
    fetch_wheels cuda ${RACKPROOF_CUDA_WHEELS}
    export CUDACXX="${wheel_toolkit}/bin/nvcc"
    nvcc_is_new_enough "${CUDACXX}" || not_ready "the fetched nvcc does not run: ${CUDACXX} --version"
  fi
  # Also after a fetch that was interrupted here.
  if [[ "${CUDACXX}" == "${wheel_toolkit}"/* ]]; then
    link_wheel_libraries "${wheel_toolkit}/lib"
    ln -sfn lib "${wheel_toolkit}/lib64"
  fi
  local toolkit header
  toolkit="$(dirname "$(dirname "$(readlink -f "${CUDACXX}")")")"
  for header in "${NCCL_HOME:-/nonexistent}/include/nccl.h" "${toolkit}/include/nccl.h" \
    /usr/include/nccl.h; do
    if nccl_is_new_enough "${header}"; then
      export NCCL_HOME="${header%/include/nccl.h}"
      return
    fi
  done
  if [[ ! -e "${wheel_nccl}/include/nccl.h" ]]; then
    # shellcheck disable=SC2086  # a list of words on purpose
    fetch_wheels nccl ${RACKPROOF_NCCL_WHEELS}
  fi
  link_wheel_libraries "${wheel_nccl}/lib"
  export NCCL_HOME="${wheel_nccl}"
}

# Disassembler for the tests of our machine code: the toolkit's, else from PyPI; without one they are skipped.
find_disassembler() {
  local beside
  beside="$(dirname "$(readlink -f "${CUDACXX}")")"
  [[ -x "${beside}/nvdisasm" && -x "${beside}/cuobjdump" ]] && return
  [[ -x "${deps}/sass/nvidia/cu13/bin/nvdisasm" ]] && return
  # shellcheck disable=SC2086  # a list of words on purpose
  (fetch_wheels sass ${RACKPROOF_SASS_WHEELS}) || true
}

# configure <preset> <binary dir>: once; afterwards Ninja re-runs CMake by itself when it must.
configure() {
  [[ -e "$2/build.ninja" ]] && return
  say "Configuring (cmake --preset $1, CUDA compiler ${CUDACXX})"
  local preset="$1"
  (cd "${root}" && cmake --preset "${preset}" -Wno-dev "${@:3}" >"${root}/build/configure-${preset}.log" 2>&1) || {
    tail -n 25 "${root}/build/configure-${preset}.log" >&2
    not_ready "CMake could not configure the build (log: build/configure-${preset}.log)"
  }
}

# build <binary dir> <target>...
build() {
  local binary_dir="$1"
  shift
  if ninja -C "${binary_dir}" -n "$@" 2>/dev/null | tail -n 1 | grep -q "no work to do"; then
    return
  fi
  say "Building ${*:-everything} in ${binary_dir#"${root}/"}"
  # Compiler chatter goes to the log (ptxas reports every kernel); progress and errors to the screen.
  local log="${binary_dir}/build.log"
  NINJA_STATUS='[%f/%t %es] ' ninja -C "${binary_dir}" "$@" >"${log}" 2>&1 &
  local pid=$! last=""
  while kill -0 "${pid}" 2>/dev/null; do
    sleep 2
    local now
    now="$(grep -o '^\[[0-9]*/[0-9]* [0-9.]*s\] .*' "${log}" | tail -n 1 | cut -c1-100 || true)"
    if [[ -n "${now}" && "${now}" != "${last}" ]]; then
      if [[ -t 1 ]]; then printf '\r\033[K    %s' "${now}"; else last_progress "${now}"; fi
      last="${now}"
    fi
  done
  if [[ -t 1 ]]; then printf '\r\033[K'; fi
  if ! wait "${pid}"; then
    grep -n -A 12 -E '^FAILED:|error:|error ' "${log}" | head -n 60 >&2 || true
    printf 'error: the build failed (log: %s)\n' "${log}" >&2
    exit 3
  fi
  report_kernels "${log}"
}

# report_kernels <build log>: what ptxas -v said of the kernels compiled just now. A spill fails the
# build, so there is none to report here.
report_kernels() {
  local registers
  registers="$(sed -n 's/.*ptxas info *: Used \([0-9]*\) registers.*/\1/p' "$1" | sort -n)"
  [[ -n "${registers}" ]] || return 0
  printf '    %d kernels compiled: %d to %d registers, no spills (each in %s)\n' \
    "$(wc -l <<<"${registers}")" "$(head -n 1 <<<"${registers}")" "$(tail -n 1 <<<"${registers}")" \
    "${1#"${root}/"}"
}

# Without a terminal one line in about twenty seconds is progress enough.
progress_printed_at=-100
last_progress() {
  if ((SECONDS - progress_printed_at >= 20)); then
    printf '    %s\n' "$1"
    progress_printed_at=${SECONDS}
  fi
}
