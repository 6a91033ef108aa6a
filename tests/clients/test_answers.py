#!/usr/bin/python3 -B
"""Every operation of the OpenAPI document is asked for, with what it may answer, and each answer is as the document says."""

import sys

import candord
import openapi

ROWS = {"reports": [{"item": f"q{i}", "labeler": name, "value": value}
                    for i in range(6) for name, value in (("ann", 0.9), ("bob/%", 0.2), ("\U0001f600", 0.5))]}

# Operation, path and query, body, status.
CONVERSATION = [
    ("info", "/v1/info", None, 200),
    ("info", "/v1/info?commit=true", None, 200),
    ("info", "/v1/info?comit=true", None, 400),
    ("list_pools", "/v1/pools", None, 200),
    ("create_pool", "/v1/pools", {"pool": "chat"}, 200),
    ("create_pool", "/v1/pools", {"pool": "chat"}, 409),
    ("create_pool", "/v1/pools", {"pool": "sure", "settings": {"rate": "horizon", "horizon": 1000, "entry": 0.5}}, 200),
    ("create_pool", "/v1/pools", {"pool": "a/b", "settings": {"rate": "fixed", "eta": 0.1}}, 200),
    ("create_pool", "/v1/pools", {"pool": "x", "settings": {"eta": 3}}, 400),
    ("create_pool", "/v1/pools", {"pol": "x"}, 400),
    ("create_pool", "/v1/pools", "{", 400),
    ("get_pool", "/v1/pools/chat", None, 200),
    ("get_pool", "/v1/pools/a%2Fb", None, 200),
    ("get_pool", "/v1/pools/none", None, 404),
    ("update_pool", "/v1/pools/sure", {"settings": {"entry": 2}}, 200),
    ("update_pool", "/v1/pools/sure", {"settings": {"wrong": 0.1, "scored": 3, "signs": "free"}}, 200),
    ("update_pool", "/v1/pools/sure", {"settings": {"wrong": 0, "scored": 0}}, 200),
    ("update_pool", "/v1/pools/sure", {"settings": {"wrong": 0.5}}, 400),
    ("update_pool", "/v1/pools/sure", {"settings": {"signs": "both"}}, 400),
    ("update_pool", "/v1/pools/sure", {"settings": {"eta": 2}}, 400),
    ("update_pool", "/v1/pools/none", {"settings": {"entry": 2}}, 404),
    ("post_reports", "/v1/pools/chat/reports", ROWS, 200),
    ("post_reports", "/v1/pools/chat/reports", ROWS, 200),
    ("post_reports", "/v1/pools/chat/reports", {"reports": [{"item": "q0", "labeler": "ann", "value": 7}]}, 200),
    ("post_reports", "/v1/pools/none/reports", ROWS, 404),
    ("query_items", "/v1/pools/chat/items:query", {"items": ["q0", "q1", "none"], "reports": True}, 200),
    ("get_item", "/v1/pools/chat/items/q0?reports=true", None, 200),
    ("get_item", "/v1/pools/chat/items/none", None, 404),
    ("close_items", "/v1/pools/chat/items:close", {"items": ["q0", "none"]}, 200),
    ("resolve_items", "/v1/pools/chat/outcomes", {"outcomes": [{"item": "q1", "value": 1}, {"item": "q2", "value": 0}]}, 200),
    ("resolve_items", "/v1/pools/chat/outcomes", {"outcomes": [{"item": "q4", "value": 1}, {"item": "q5", "value": 0}], "together": True}, 200),
    ("resolve_items", "/v1/pools/chat/outcomes", {"outcomes": [{"item": "q4", "value": 1}, {"item": "q0", "value": 0}], "together": True}, 409),
    ("resolve_items", "/v1/pools/chat/outcomes", {"outcomes": [{"item": "none", "value": 1}], "together": True}, 404),
    ("recheck_items", "/v1/pools/chat/rechecks", {"rechecks": [{"item": "q1", "value": 0}, {"item": "q4", "value": 1}]}, 200),
    ("recheck_items", "/v1/pools/none/rechecks", {"rechecks": [{"item": "q1", "value": 0}]}, 404),
    ("void_items", "/v1/pools/chat/items:void", {"items": ["q3"]}, 200),
    ("query_items", "/v1/pools/chat/items:query", {"items": ["q0", "q1", "q2", "q3"], "reports": True}, 200),
    ("query_items", "/v1/pools/chat/items:query", {"items": ["q0", "q1", "q3", "q4"], "now": True}, 200),
    ("get_item", "/v1/pools/chat/items/q0?now=true", None, 200),
    ("get_pool", "/v1/pools/chat", None, 200),
    ("list_items", "/v1/pools/chat/items", None, 200),
    ("list_items", "/v1/pools/chat/items?limit=1", None, 200),
    ("list_items", "/v1/pools/chat/items?now=true", None, 200),
    ("list_items", "/v1/pools/chat/items?limit=1001", None, 400),
    ("list_changes", "/v1/pools/chat/changes", None, 200),
    ("list_changes", "/v1/pools/chat/changes?limit=1", None, 200),
    ("list_changes", "/v1/pools/chat/changes?cursor=nonsense", None, 400),
    ("list_labelers", "/v1/pools/chat/labelers?sort=regret", None, 200),
    ("list_labelers", "/v1/pools/chat/labelers?sort=size", None, 400),
    ("get_labeler", "/v1/pools/chat/labelers/bob%2F%25", None, 200),
    ("get_labeler", "/v1/pools/chat/labelers/none", None, 404),
    ("get_labeler_history", "/v1/pools/chat/labelers/ann/history", None, 200),
    ("create_token", "/v1/tokens", {"name": "lab", "grants": [{"pool": "chat", "rights": ["report", "read-open"]}]}, 200),
    ("create_token", "/v1/tokens", {"name": "lab"}, 409),
    ("list_tokens", "/v1/tokens", None, 200),
    ("add_grant", "/v1/grants", {"principal": "token:lab", "pool": "sure", "rights": ["read"]}, 200),
    ("add_grant", "/v1/grants", {"principal": "lab", "rights": ["read"]}, 400),
    ("list_grants", "/v1/grants", None, 200),
    ("list_grants", "/v1/grants?pool=sure", None, 200),
    ("remove_grant", "/v1/grants?principal=token:lab&pool=sure&rights=read", None, 200),
    ("revoke_token", "/v1/tokens/lab", None, 200),
    ("revoke_token", "/v1/tokens/none", None, 404),
    ("list_events", "/v1/events", None, 200),
    ("list_events", "/v1/events?pool=chat&limit=2", None, 200),
    ("get_openapi", "/v1/openapi.json", None, 200),
    ("get_metrics", "/metrics", None, 200),
    ("get_livez", "/livez", None, 200),
    ("get_readyz", "/readyz?verbose", None, 200),
    ("end_session", "/v1/session", None, 204),
]


def main():
    bad = 0
    with candord.Daemon() as d:
        document = openapi.Document(d).strict()
        asked = set()
        conversation = CONVERSATION + [
            ("begin_session", "/v1/session", {"token": d.token("web", "read")}, 204),
            ("begin_session", "/v1/session", {"token": "candor_nonsense"}, 401),
        ]
        for name, target, body, status in conversation:
            method, path, operation = document.operations[name]
            headers = {"Content-Type": "application/json"} if isinstance(body, str) else {}
            answer = d.ask(method, target, body, headers)
            asked.add(name)
            fault = document.fault_of_answer(operation, answer)
            if answer.status != status:
                fault = f"the status is {answer.status}, not {status}"
            if fault:
                print(f"{method} {target}: {fault}\n    {answer}")
                bad += 1
            if answer.status == 401:
                d.hang_up()
        for name in sorted(set(document.operations) - asked):
            print(f"no request of this test asks for {name}")
            bad += 1
    print(f"{len(conversation)} answers, {bad} faults")
    return 1 if bad else 0


sys.exit(main())
