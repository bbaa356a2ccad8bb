"""The form of the files in `sql/`, and idioms that mean something else in other warehouses."""

from collections.abc import Callable

import pytest
import sqlglot
import yaml
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from pipelines.models import load_checks
from pipelines.models.definitions import LAYERS, SQL, load_models
from pipelines.models.definitions.files import LIST_IDS

MODELS = {model.name: model for model in load_models()}
CHECKS = {check.name: check for check in load_checks()}
QUERIES = {name: file.select for name, file in [*MODELS.items(), *CHECKS.items()]}
PERSONAL = {"name", "email", "phone", "formatted_phone", "custom_attributes", "avatar", "location", "notes"}

# Each of these can be transpiled, and then fails or means something else in some warehouse.
DENIED_KINDS: tuple[type[exp.Expr], ...] = (
    exp.Anonymous,  # a function that SQLGlot does not know is passed on as it is
    exp.ApproxDistinct,
    exp.ArgMax,
    exp.ArgMin,
    exp.Array,
    exp.ArrayAgg,
    exp.Avg,  # a decimal on one, a double on the other
    exp.Bracket,
    exp.CountIf,
    exp.CurrentDate,  # models never read the clock
    exp.CurrentTimestamp,
    exp.DateAdd,
    exp.DateSub,
    exp.Explode,
    exp.Extract,
    exp.Filter,
    exp.First,
    exp.FirstValue,
    exp.GenerateSeries,
    exp.Greatest,  # null rules differ
    exp.GroupConcat,
    exp.IgnoreNulls,
    exp.Interval,
    exp.JSONExtract,  # models hand JSON on as it is
    exp.JSONExtractScalar,
    exp.Lambda,
    exp.LastValue,
    exp.Lateral,
    exp.Least,
    exp.LogicalAnd,
    exp.LogicalOr,
    exp.MD5,
    exp.Median,
    exp.Mode,
    exp.NthValue,
    exp.PercentileCont,
    exp.Pivot,
    exp.Qualify,
    exp.Quantile,
    exp.Rand,
    exp.RegexpLike,
    exp.Round,
    exp.Struct,
    exp.TableSample,
    exp.TimeToStr,
    exp.TimeToUnix,
    exp.Unnest,
)


def _is_start_of_month(node: exp.Expr) -> bool:
    """Of a day, cast to a date again: PostgreSQL makes it a time."""
    is_month = isinstance(node, exp.DateTrunc | exp.TimestampTrunc) and node.text("unit").lower() == "month"
    return (
        is_month and isinstance(node.this, exp.Column) and node.this.name == "day" and isinstance(node.parent, exp.Cast)
    )


def _casts_an_instant_to_a_date(node: exp.Expr) -> bool:
    is_date = isinstance(node, exp.Cast) and node.is_type("date")
    return is_date and not (isinstance(node.this, exp.AtTimeZone | exp.Literal) or _is_start_of_month(node.this))


def _casts_to_an_instant_without_a_zone(node: exp.Expr) -> bool:
    return isinstance(node, exp.Cast) and node.is_type("timestamp", "timestampntz", "datetime")


def _tells_the_time_of_a_zone(node: exp.Expr) -> bool:
    return isinstance(node, exp.AtTimeZone) and not isinstance(node.parent, exp.Cast)


def _truncates_to_more_than_a_second(node: exp.Expr) -> bool:
    is_longer = isinstance(node, exp.DateTrunc | exp.TimestampTrunc) and node.text("unit").lower() != "second"
    return is_longer and not _is_start_of_month(node)


def _counts_boundaries_of_less_than_a_day(node: exp.Expr) -> bool:
    return isinstance(node, exp.DateDiff) and node.text("unit").lower() != "day"


def _sums_into_a_wider_type(node: exp.Expr) -> bool:
    outer = node.parent.parent if isinstance(node.parent, exp.Window) else node.parent
    return isinstance(node, exp.Sum) and not isinstance(outer, exp.Cast)


def _divides_by_what_may_be_zero(node: exp.Expr) -> bool:
    return isinstance(node, exp.Div) and not isinstance(node.expression, exp.Nullif)


def _calculates_with_times(node: exp.Expr) -> bool:
    return isinstance(node, exp.Add | exp.Sub) and any(
        column.name.endswith(("_at", "_on", "_after")) for column in node.find_all(exp.Column)
    )


def _joins_without_on(node: exp.Expr) -> bool:
    return isinstance(node, exp.Join) and (not node.args.get("on") or bool(node.method))


def _joins_to_filter(node: exp.Expr) -> bool:
    return isinstance(node, exp.Join) and node.kind in ("SEMI", "ANTI")


def _recurs(node: exp.Expr) -> bool:
    return isinstance(node, exp.With) and bool(node.args.get("recursive"))


def _groups_by_all(node: exp.Expr) -> bool:
    return isinstance(node, exp.Group) and bool(node.args.get("all"))


def _keeps_one_row_by_distinct_on(node: exp.Expr) -> bool:
    return isinstance(node, exp.Distinct) and bool(node.args.get("on"))


def _picks_from_a_star(node: exp.Expr) -> bool:
    return isinstance(node, exp.Star) and any(node.args.values())


DENIED_USES: tuple[Callable[[exp.Expr], bool], ...] = (
    _casts_an_instant_to_a_date,
    _casts_to_an_instant_without_a_zone,
    _tells_the_time_of_a_zone,
    _truncates_to_more_than_a_second,
    _counts_boundaries_of_less_than_a_day,
    _sums_into_a_wider_type,
    _divides_by_what_may_be_zero,
    _calculates_with_times,
    _joins_without_on,
    _joins_to_filter,
    _recurs,
    _groups_by_all,
    _keeps_one_row_by_distinct_on,
    _picks_from_a_star,
)


def denied_idioms(query: exp.Expr) -> list[str]:
    return [
        node.sql("duckdb")
        for node in query.walk()
        if (isinstance(node, DENIED_KINDS) and node.name != LIST_IDS)
        or any(is_denied(node) for is_denied in DENIED_USES)
    ]


@pytest.mark.parametrize("name", QUERIES)
def test_no_query_uses_an_idiom_that_means_something_else_elsewhere(name: str) -> None:
    assert denied_idioms(QUERIES[name]) == []


@pytest.mark.parametrize(
    "idiom",
    [
        "select cast(observed_at as date) from t",
        "select observed_at::date from t",
        "select date_trunc('day', observed_at) from t",
        "select date_trunc('week', observed_on) from t",
        "select date_trunc('month', day) from t",
        "select date_diff('hour', entered_at, left_at) from t",
        "select left_on - entered_on from t",
        "select left_on + 1 from t",
        "select left_at + interval 1 day from t",
        "select date_add(left_on, interval 1 day) from t",
        "select * from generate_series(1, 3)",
        "select * from range(3)",
        "select unnest([1, 2]) from t",
        "select sum(x) from t",
        "select sum(x) over (order by y) from t",
        "select x / y from t",
        "select round(x, 2) from t",
        "select count(*) filter (where x) from t",
        "select bool_or(x) from t",
        "select count_if(x) from t",
        "select arg_max(x, y) from t",
        "select median(x) from t",
        "select percentile_cont(0.5) within group (order by x) from t",
        "select quantile_cont(x, 0.5) from t",
        "select last_value(x ignore nulls) over (order by y) from t",
        "select greatest(x, y) from t",
        "select hash(x) from t",
        "select current_date from t",
        "select now() from t",
        "select distinct on (x) y from t",
        "select x from t qualify row_number() over (order by x) = 1",
        "select x, count(*) from t group by all",
        "select * exclude (x) from t",
        "select x from t join u using (x)",
        "select x from t cross join u",
        "select x from t asof join u on t.x >= u.x",
        "select x from t semi join u on t.x = u.x",
        "select x from t anti join u on t.x = u.x",
        "with recursive t as (select 1 as x union all select x + 1 from t) select x from t",
        "select cast(x as timestamp) from t",
        "select x at time zone 'UTC' from t",
        "select avg(x) from t",
        "select list(x) from t",
        "select x[1] from t",
        "select string_agg(x, ',') from t",
        "select last_value(x) over (order by y) from t",
        "select custom_attributes ->> 'plan' from t",
        "select extract(year from observed_on) from t",
        "select strftime(observed_on, '%Y') from t",
        "select epoch(observed_at) from t",
        "select random() from t",
        "select regexp_matches(x, 'y') from t",
        "select x from t using sample 10",
    ],
)
def test_the_deny_list_knows(idiom: str) -> None:
    assert denied_idioms(sqlglot.parse_one(idiom, dialect="duckdb"))


@pytest.mark.parametrize(
    "idiom",
    [
        "select cast(observed_at at time zone 'UTC' as date) from t",
        "select date_trunc('second', observed_at) from t",
        "select date_diff('day', entered_on, left_on) from t",
        "select cast(sum(x) over (order by y) as bigint) from t",
        "select cast(date_trunc('month', day) as date) from t",
        "select date_diff('day', cast('2001-01-01' as date), day) from t",
        "select cast(x as double) / nullif(y, 0) from t",
        "select x - y from t left join u on t.x = u.x",
    ],
)
def test_the_deny_list_leaves_alone(idiom: str) -> None:
    assert denied_idioms(sqlglot.parse_one(idiom, dialect="duckdb")) == []


@pytest.mark.parametrize("dialect", ["postgres", "snowflake", "bigquery", "spark"])
@pytest.mark.parametrize("name", QUERIES)
def test_every_query_is_transpiled_without_a_warning(name: str, dialect: str) -> None:
    carried = QUERIES[name].sql(dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)

    assert isinstance(sqlglot.parse_one(carried, dialect=dialect), exp.Query)


@pytest.mark.parametrize("name", MODELS)
def test_the_first_line_of_a_model_says_its_grain(name: str) -> None:
    assert MODELS[name].path.read_text(encoding="utf-8").startswith("-- one row per ")


@pytest.mark.parametrize("name", MODELS)
def test_only_staging_reads_what_was_loaded_and_only_marts_read_marts(name: str) -> None:
    model = MODELS[name]
    layer = model.layer
    raw_tables = [table.name for table in model.select.find_all(exp.Table) if table.db == "raw"]
    layers_read = {MODELS[read].layer for read in model.reads}

    assert len(raw_tables) == (1 if layer == "staging" else 0)
    assert layers_read <= set({"staging": (), "intermediate": LAYERS[:2], "marts": LAYERS}[layer])


DOUBLED_ROWS_BY_STARS = {"stg_contacts"}
"""Numbering all contacts takes long, so those that are loaded twice are numbered apart, with all their columns."""


@pytest.mark.parametrize("name", sorted(QUERIES.keys() - DOUBLED_ROWS_BY_STARS))
def test_stars_only_import_and_hand_on(name: str) -> None:
    stars = [select for select in QUERIES[name].find_all(exp.Select) if select.is_star]
    said_more = [select.sql() for select in stars if any(select.args.get(part) for part in ("joins", "where", "group"))]

    assert said_more == []
    assert len(stars) == len(_imports(QUERIES[name])) + 1
    assert QUERIES[name].is_star


@pytest.mark.parametrize("name", CHECKS)
def test_what_a_check_returns_is_no_personal_data(name: str) -> None:
    columns = _columns(QUERIES[name])

    assert columns[0] == "workspace_id"
    assert PERSONAL.isdisjoint(columns)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_description_has_its_file(layer: str) -> None:
    for schema in (SQL / layer).rglob("schema.yml"):
        described = yaml.safe_load(schema.read_text(encoding="utf-8"))["models"]

        assert sorted(entry["name"] for entry in described) == sorted(path.stem for path in schema.parent.glob("*.sql"))


def _imports(query: exp.Query) -> list[exp.Table]:
    """The tables that are read, without the query's own steps."""
    return [
        table for scope in traverse_scope(query) for table in scope.sources.values() if isinstance(table, exp.Table)
    ]


def _columns(query: exp.Query) -> list[str]:
    """The columns of the CTE that the last select hands on."""
    final = query.ctes[-1].this
    return [selected.alias_or_name for selected in final.selects]
