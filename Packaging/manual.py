#!/usr/bin/env python3
"""Writes manual pages of the program from its own declaration of commands and options.

usage: manual.py --version VERSION --time SECONDS --to FOLDER < HELP

HELP is what `diffusionclip --experimental-dump-help` prints, SECONDS (since 1970) the date on the pages.
"""

import argparse
import json
import os
import sys
import time


def text(words):
    """Words as roff sets them: nothing in them is a request or an escape."""
    lines = words.replace("\\", "\\e").split("\n")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in lines)


def literal(words):
    """What is typed as it is: with hyphens that can be copied."""
    return text(words).replace("-", "\\-")


def bold(words):
    return "\\fB" + literal(words) + "\\fR"


def italic(words):
    return "\\fI" + literal(words) + "\\fR"


def paragraphs(words):
    return [line for part in words.split("\n\n") for line in (".PP", text(part))]


def arguments(command):
    return [argument for argument in command.get("arguments", []) if argument.get("shouldDisplay", True)]


def names(argument):
    dashes = {"long": "--", "short": "-", "longWithSingleDash": "-"}
    return [dashes[name["kind"]] + name["name"] for name in argument.get("names", [])]


def usage(argument):
    """An argument as the synopsis has it."""
    if argument["kind"] == "positional":
        shown = italic(argument["valueName"])
    else:
        shown = bold(names(argument)[0])
        if argument["kind"] == "option":
            shown += "=" + italic(argument["valueName"])
    if argument["isRepeating"]:
        shown += " ..."
    return "[" + shown + "]" if argument["isOptional"] else shown


def described(argument):
    """An argument as the list of options has it."""
    if argument["kind"] == "positional":
        shown = italic(argument["valueName"])
    else:
        shown = ", ".join(bold(name) for name in names(argument))
        if argument["kind"] == "option":
            shown += "=" + italic(argument["valueName"])
    help = argument.get("abstract", "")
    if argument.get("discussion"):
        help += "\n\n" + argument["discussion"]
    if argument.get("defaultValue") and argument["kind"] == "option":
        help += " Default: " + argument["defaultValue"] + "."
    parts = help.strip().split("\n\n")
    return [".TP", shown, text(parts[0])] + [line for part in parts[1:] for line in (".IP", text(part))]


def page(command, path, version, date):
    """The lines of the manual page of the command that `path` leads to."""
    name = "-".join(path)
    parts = [part for part in command.get("subcommands", []) if part["commandName"] != "help"]
    lines = [
        '.TH "%s" 1 "%s" "diffusionclip %s" "User Commands"' % (name.upper(), date, version),
        ".SH NAME",
        "%s \\- %s" % (literal(name), text(command["abstract"].rstrip("."))),
        ".SH SYNOPSIS",
    ]
    if parts:
        lines += [bold(" ".join(path)) + " " + italic("command") + " ..."]
    else:
        lines += [" ".join([bold(" ".join(path))] + [usage(argument) for argument in arguments(command)])]
    lines += [".SH DESCRIPTION", text(command["abstract"])] + paragraphs(command.get("discussion", ""))
    if command.get("defaultSubcommand"):
        lines += [".PP", "Without a command, it is " + bold(command["defaultSubcommand"]) + "."]
    for part in parts:
        if part is parts[0]:
            lines += [".SH COMMANDS"]
        lines += [".TP", "\\fB" + literal("-".join(path + [part["commandName"]])) + "\\fR(1)", text(part["abstract"])]
    if arguments(command):
        lines += [".SH OPTIONS"]
        for argument in arguments(command):
            lines += described(argument)
    lines += [".SH SEE ALSO"]
    if len(path) == 1:
        lines += ["diffusionclip recipes lists the recipes that came with the program, diffusionclip kinds the kinds of stages."]
    else:
        lines += [", ".join(bold("-".join(path[:count])) + "(1)" for count in range(1, len(path)))]
    return lines


def pages(command, path, version, date):
    yield "-".join(path), page(command, path, version, date)
    for part in command.get("subcommands", []):
        if part["commandName"] != "help":
            yield from pages(part, path + [part["commandName"]], version, date)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", required=True)
    parser.add_argument("--time", required=True, type=int)
    parser.add_argument("--to", required=True)
    options = parser.parse_args()
    command = json.load(sys.stdin)["command"]
    date = time.strftime("%Y-%m-%d", time.gmtime(options.time))
    os.makedirs(options.to, exist_ok=True)
    for name, lines in pages(command, [command["commandName"]], options.version, date):
        with open(os.path.join(options.to, name + ".1"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


main()
