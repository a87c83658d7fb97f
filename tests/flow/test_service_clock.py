"""A running service under a wall clock that is set forward and back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kbsync.standin import Fault

from .place import a_place
from .test_service import eventually, is_equal, log_of, service, stop

#: Adds the seconds that a file holds to what a process takes for the time of day.
SHIFT = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

static long shift(void) {
    long seconds = 0;
    FILE *file = fopen(getenv("CLOCK_SHIFT"), "r");
    if (file) { if (fscanf(file, "%ld", &seconds) != 1) seconds = 0; fclose(file); }
    return seconds;
}

int clock_gettime(clockid_t which, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(which, time);
    if (which == CLOCK_REALTIME) time->tv_sec += shift();
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (where) *where = now.tv_sec;
    return now.tv_sec;
}
"""

DAY = 86_400


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that shifts the clock of a process which loads it."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("a C compiler (cc) is needed to set the clock of one process")
    place = tmp_path_factory.mktemp("clock")
    (place / "shift.c").write_text(SHIFT)
    library = place / "shift.so"
    build = [compiler, "-shared", "-fPIC", "-o", str(library), str(place / "shift.c"), "-ldl"]
    subprocess.run(build, check=True)
    return library


@pytest.mark.parametrize("step", [-400 * DAY, 400 * DAY])
def test_the_clock_is_set(tmp_path: Path, shim: Path, step: int) -> None:
    """What was put off is done as soon as before, and scheduled scans go on."""
    shift = tmp_path / "shift"
    shift.write_text("0")
    with a_place(tmp_path) as place:
        place.configure(watch="off", every="2s")
        place.write("a.md", "there before the clock was set, about dormice")
        place.standin.faults.add(Fault("outage", times=None))
        with service(place, LD_PRELOAD=str(shim), CLOCK_SHIFT=str(shift)) as process:
            eventually(lambda: "server unavailable" in log_of(place), "put off", place)
            shift.write_text(str(step))
            place.standin.faults.clear()
            eventually(lambda: is_equal(place), "what was put off", place)
            eventually(lambda: "the clock was set" in log_of(place), "noticed", place)
            place.write("b.md", "made after the clock was set, about dormice")
            eventually(lambda: is_equal(place), "a scheduled scan", place)
            assert place.kbsync("status", "--offline", "--json").json["service"] is not None
            assert stop(process) == 0
    assert f"seconds={step}" in log_of(place)
