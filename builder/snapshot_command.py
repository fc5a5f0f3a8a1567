"""The command `petoolbench snapshot`: freezes the tools of running MCP servers in a file."""

from pathlib import Path

import click

from petoolbench import InputError


@click.command()
@click.argument("servers", nargs=-1, required=True, metavar="SERVERS...")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE", help="A .json file."
)
@click.option("--replace", is_flag=True, help="Replace the file if it is there.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long each server may take.",
)
def snapshot(servers, out, replace, timeout) -> None:
    """Write the tools of running MCP servers into a file that `build --catalogue` reads. Builds contact no server.

    SERVERS are URLs of servers over streamable HTTP, or command lines in quotes that start one over stdio; it is ended
    again. A server that is started gets HOME, PATH and the like; give more by `env NAME=value COMMAND`.

    \b
      petoolbench snapshot http://localhost:8000/mcp "npx -y some-mcp-server" --out tools.json
    """
    from petoolkit.console import make_console
    from petoolkit.files import write_json
    from petoolkit.text import counted, on_one_line

    from .catalogue.mcp_servers import read_server
    from .catalogue.mcp_snapshot import make_snapshot

    if out.suffix != ".json":
        raise InputError(f"--out {out}: a snapshot is a JSON file; give it a name that ends in .json.")
    if out.exists() and not replace:
        raise InputError(f"{out} is there already; give another --out, or --replace to write it anew.")
    console = make_console(soft_wrap=True)
    read: list[dict] = []
    for address in servers:
        server = read_server(address, timeout)
        if server["name"] in [one["name"] for one in read]:
            raise InputError(
                f"two servers call themselves {server['name']}; write a snapshot of each by itself, and give each a "
                "`provider` under `catalogue` in the recipe."
            )
        read.append(server)
        console.print(
            on_one_line(f"{server['name']} {server['version'] or ''}: {counted(len(server['tools']), 'tool')}"),
            markup=False,
            highlight=False,
        )
    frozen = make_snapshot(read)
    write_json(out, frozen)
    console.print(
        f"Wrote {out} (sha256 {frozen['sha256'][:12]}). Build with it: petoolbench build --catalogue {out}",
        markup=False,
        highlight=False,
    )
