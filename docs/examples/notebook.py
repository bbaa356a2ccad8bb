"""A marimo notebook on the published copy: `marimo edit notebook.py`, or `python notebook.py` to run its cells."""

import marimo

app = marimo.App()


@app.cell
def _():
    import os

    import duckdb
    import marimo as mo

    published = os.environ.get("PUBLISHED", "data/published.duckdb")
    warehouse = duckdb.connect(published, read_only=True)
    return mo, warehouse


@app.cell
def _(mo, warehouse):
    sizes = mo.sql(
        """
        select segment_name, last(known_member_count order by day) as members, sum(entered_count) as joined,
            sum(left_count) as left_segment
        from intercom.segment_calendar group by segment_name order by members desc, segment_name
        """,
        engine=warehouse,
        output=False,
    )
    mo.vstack([mo.md("## Segments"), mo.ui.table(sizes)])
    return (sizes,)


@app.cell
def _(sizes):
    print(sizes)
    return


if __name__ == "__main__":
    app.run()
