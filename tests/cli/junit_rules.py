#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds a JUnit file to the rules of both public schemas: junit_rules.py FILE

JUnit.xsd (github.com/windyroad/JUnit-Schema, the Apache Ant format) and junit-10.xsd
(github.com/jenkinsci/xunit-plugin): elements, their order, required attributes, types, counts; and
that no two tests share class and name, which both readers take for one test.
"""
import re
import sys
import xml.etree.ElementTree as tree

TIME = re.compile(r"[0-9]+(\.[0-9]*)?$")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")


def check(condition, text):
    if not condition:
        print("FAILED:", text)
        sys.exit(1)


def main():
    root = tree.parse(sys.argv[1]).getroot()
    check(root.tag == "testsuites" and not root.attrib, "the root is testsuites without attributes")
    check(len(root) == 1, "one suite")
    suite = root[0]
    wanted = {"package", "id", "name", "timestamp", "hostname", "tests", "failures", "errors",
              "skipped", "time"}
    check(set(suite.attrib) == wanted, f"attributes of testsuite: {sorted(suite.attrib)}")
    check(suite.get("name").strip() and suite.get("hostname").strip(), "name and hostname")
    check(STAMP.match(suite.get("timestamp")), "timestamp without zone")
    check(TIME.match(suite.get("time")), "time is a decimal")
    tags = [child.tag for child in suite]
    n = tags.count("testcase")
    check(tags == ["properties"] + ["testcase"] * n + ["system-out", "system-err"], f"order: {tags}")
    for prop in suite[0]:
        check(prop.tag == "property" and set(prop.attrib) == {"name", "value"}, "property")
    found = {"failure": 0, "error": 0, "skipped": 0}
    names = set()
    for case in suite.iter("testcase"):
        check(set(case.attrib) == {"name", "classname", "time"}, f"testcase: {case.attrib}")
        check(TIME.match(case.get("time")), "a test's time")
        check(not re.search(r"\d\.\d", case.get("name")), "a value in a name")
        check(len(case) <= 1, "one outcome at most")
        names.add((case.get("classname"), case.get("name")))
        for outcome in case:
            check(outcome.tag in found, outcome.tag)
            found[outcome.tag] += 1
            check(outcome.tag == "skipped" or outcome.get("type"), "failure and error have a type")
            check((outcome.text or "").strip(), "the explanation is the body")
    check(len(names) == n, "class and name tell tests apart")
    for attribute, count in (("tests", n), ("failures", found["failure"]),
                             ("errors", found["error"]), ("skipped", found["skipped"])):
        check(suite.get(attribute) == str(count), f"{attribute}: {suite.get(attribute)}, {count}")
    print(n, "tests,", found)


if __name__ == "__main__":
    main()
