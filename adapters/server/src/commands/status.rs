//! `posthaste status`: the figures of a running server.

use std::path::PathBuf;

use comfy_table::{CellAlignment, Table};

use crate::cli;
use crate::config::Config;
use crate::control::{Reply, Request, client};
use crate::exit::{Exit, Failure};
use crate::figures::{LIMITS, Status};
use crate::terminal;

pub(super) fn run(command: &cli::Status) -> Result<(), Failure> {
    let at = &command.at;
    let data = match (&at.config, &at.data) {
        (Some(file), _) => Config::load(file)?.server.data,
        (None, data) => data.clone().unwrap_or_else(|| PathBuf::from("posthaste-data")),
    };
    let Some(answer) = client::ask(&data, &Request::Status)? else {
        let what = format!("no server runs on {}", data.display());
        return Err(Failure::new(Exit::Unavailable, what, "say which with --data or --config"));
    };
    let Reply::Status { status } = answer? else {
        return Err(Failure::new(Exit::Unavailable, "the server gave another answer", ""));
    };
    if command.json {
        println!("{:#}", status.json());
    } else {
        println!("{}", show(&status));
    }
    Ok(())
}

fn show(status: &Status) -> String {
    let mut table = Table::new();
    table.load_style(terminal::TABLE);
    table.set_header(["group", "figure", "value"]);
    for group in &status.groups {
        let is_limits = group.name == LIMITS;
        let mut name = group.name.as_str();
        for figure in group.figures.iter().filter(|figure| !is_limits || figure.value > 0) {
            table.add_row([std::mem::take(&mut name), &figure.name, &figure.value.to_string()]);
        }
        if is_limits && !name.is_empty() {
            table.add_row([name, "none was met", ""]);
        }
    }
    if let Some(column) = table.column_mut(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let stress = if status.stressed { ", under stress" } else { "" };
    let Status { version, pid, seconds, .. } = status;
    format!("posthaste {version}, process {pid}, serving for {seconds} s{stress}\n{table}")
}
