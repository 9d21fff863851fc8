"""Random PromQL for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

SELECTORS = ("g", 'g{job="a"}', "h", "odd", "mixed", "flat", "info", "gone", "istio_requests_total", "go_goroutines")
WINDOWS = ("45s", "2m", "5m", "13m")


@st.composite
def vectors(draw: st.DrawFn, depth: int = 3) -> str:
    """A random instant vector expression."""
    selector = draw(st.sampled_from(SELECTORS))
    if depth == 0:
        return selector + draw(st.sampled_from(("", " offset 1m", " offset 4m", " @ end()", " @ 1700001111")))
    inner = vectors(depth - 1)
    by = draw(st.sampled_from(("by (job)", "by (instance, job)", "without (instance)", "by (pod)", "without ()", "")))
    window = draw(st.sampled_from(WINDOWS))
    match draw(st.integers(0, 8)):
        case 0:
            name = draw(st.sampled_from(("rate", "increase", "delta", "irate", "idelta", "deriv", "resets", "changes")))
            return f"{name}({selector}[{window}])"
        case 1:
            kinds = ("avg", "min", "max", "sum", "count", "last", "stddev", "present")
            name = draw(st.sampled_from(kinds))
            step = draw(st.sampled_from(("30s", "1m", "")))
            return f"{name}_over_time(({draw(inner)})[{window}:{step}])"
        case 2:
            name = draw(st.sampled_from(("sum", "avg", "min", "max", "count", "group", "stddev", "quantile")))
            parameter = "0.7, " if name == "quantile" else ""
            return f"{name} {by} ({parameter}{draw(inner)})"
        case 3:
            name = draw(st.sampled_from(("abs", "ceil", "floor", "round", "sgn", "sqrt", "-", "sort", "timestamp")))
            return f"{name}({draw(inner)})"
        case 4:
            op = draw(st.sampled_from(("+", "-", "*", "/", "%", ">", "<=", "==", "!=", "> bool ", "<= bool ")))
            number = draw(st.sampled_from(("2", "-1.5", "0", "scalar(flat)")))
            return f"({draw(inner)} {op} {number})" if draw(st.booleans()) else f"({number} {op} {draw(inner)})"
        case 5:
            op = draw(st.sampled_from(("and", "or", "unless")))
            modifier = draw(st.sampled_from(("", "on(job)", "ignoring(extra)", "on()")))
            return f"({draw(inner)} {op} {modifier} {draw(inner)})"
        case 6:
            op = draw(st.sampled_from(("+", "/", "*", ">", "!= bool")))
            modifier = draw(
                st.sampled_from(("", "on(job, instance)", "ignoring(extra)", "on(job) group_left(version)"))
            )
            return f"({draw(inner)} {op} {modifier} {draw(inner)})"
        case 7:
            return f"absent({draw(inner)})"
        case _:
            return f'label_replace({draw(inner)}, "job", "$1x", "instance", "(.)")'
