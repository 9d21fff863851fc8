"""Golden outputs: what every command prints, on simulated clusters whose clock stands still.

    python -m tests.golden write DIR       all outputs of this tree as files into DIR (one for each command)
    python -m tests.golden compare DIR     the same again, and what differs from DIR as a unified diff; exits with 1
                                           where anything does

`--tree PATH` takes the program from another checkout, `--only PATTERN` takes some of the commands
(`--only 'everyday/get-*'`), `--workers N` says how many run at once (2).

The program is run as users run it, by its commands, in a process of its own for each; nothing here knows a module of
it. So two commits can be held against each other however differently they are built: write with one, compare with the
other. A process is a fork of one that has loaded the program before (`nursery.py`); `--plain` starts a fresh
interpreter for each, which prints the same and takes twice as long.

How a run repeats, byte by byte:

- the worlds come from a fixed seed, and their stories are under way from the start (`--begins`);
- the wall clock of both sides stands at `TIME`, and what is measured takes no time (`clock/sitecustomize.py`);
- the environment holds nothing but what `world.environment` puts there: no settings, no proxies, UTC, 120 columns;
- a reading may take a minute (`--timeout`), so that a busy machine does not turn a cluster into a missing one.

What remains is normalised in `world.Names`, and each rule says why it is there.

`test_golden.py` keeps a small set in `expected/`, of a small world. After a change that is meant, write it anew with

    GOLDEN=write python -m pytest tests/golden

and look at the difference in version control before it is committed.
"""
