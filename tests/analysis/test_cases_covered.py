"""Every case rebuilt from a public report has a test of ours that asserts the right value on a small world."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CASES = TESTS.parents[1] / "shared" / "cases"

COVERED = {
    "aks-addon": "analysis/identity/test_control_planes.py::the_settings_are_those_of_the_namespace_where_istiod_runs",
    "ambient-east-west-hop": "analysis/traffic/test_edges.py::inputs_are_read_from_the_inventory",
    "ambient-to-sidecar": "analysis/traffic/test_quirks.py::ztunnel_security_is_valid_from_the_source_too",
    "argo-subset":
        "analysis/canary/test_governing.py::subsets_by_template_hash_are_backed_by_the_pods_that_carry_it",
    "arn-names": "views/picture/test_query.py::a_name_is_held_against_the_parts_that_are_known",
    "cluster-domain": "analysis/security/mtls/test_cluster_domain.py::rules_are_completed_in_the_domain_of_the_cluster",
    "code-removed":
        "analysis/traffic/test_matching.py::codes_that_were_taken_out_of_the_metrics_make_errors_unknown_not_zero",
    "continue-410": "sources/kubernetes/test_source.py::an_expired_page_begins_again",
    "default-port": "sources/auth/test_kubeconfig.py::servers_written_in_other_ways_are_one",
    "delegate": "analysis/canary/test_board.py::a_delegate_has_its_parent_s_hosts",
    "deploy-label-change":
        "analysis/inventory/test_workloads.py"
        "::a_workload_is_behind_a_service_with_those_of_its_pods_that_it_selects",
    "dr-default-exportto": "analysis/security/mtls/test_mesh.py::the_meshs_default_for_exports_counts",
    "dr-subset-port": "analysis/security/mtls/test_client.py::subsets_override_and_ports_replace_the_whole_policy",
    "dr-wild-and-exact":
        "analysis/security/mtls/test_client.py::an_exact_host_beats_a_wildcard_and_the_longest_wildcard_comes_first",
    "dual-stack": "analysis/fleet/test_locality.py::a_dual_stack_pod_is_one_endpoint_and_one_that_ends_is_none",
    "east-west-hop":
        "analysis/traffic/test_edges.py"
        "::an_edge_between_networks_is_one_logical_edge_with_the_east_west_gateway_as_its_hop",
    "eastwest-nodeport": "analysis/identity/test_gateways.py::an_address_where_nothing_listens_leads_nowhere",
    "evicted": "analysis/inventory/test_workloads.py::readiness",
    "flagger-plain":
        "analysis/canary/test_board.py::a_route_that_flagger_writes_is_flaggers_and_goes_from_service_to_service",
    "grant-missing": "analysis/canary/test_governing.py::a_share_whose_backend_is_not_resolved_is_answered_500",
    "grant-there": "analysis/canary/test_governing.py::a_grant_leaves_the_whole_split_in_force",
    "group-503": "sources/kubernetes/test_rights_and_gaps.py::a_group_that_cannot_be_told_is_not_absent",
    "headless-strict": "analysis/security/mtls/test_mesh.py::the_table_of_conflicts",
    "httproute-hostname": "analysis/canary/test_governing.py::a_hostname_may_name_a_service_of_the_cluster",
    "httproute-serviceimport":
        "analysis/canary/test_governing.py::what_is_behind_another_kind_of_backend_is_not_known_from_here",
    "karmada-odd": "analysis/fleet/test_members.py::each_registry_is_read_into_one_shape",
    "kubefed-offline": "analysis/fleet/test_members.py::each_registry_is_read_into_one_shape",
    "labels-dropped": "analysis/traffic/test_quirks.py::labels_that_the_telemetry_api_dropped_are_tolerated",
    "mesh-noid": "analysis/identity/test_meshes.py::two_clusters",
    "mirror": "analysis/canary/test_board.py::what_is_mirrored_is_no_part_of_the_split",
    "networks-from-registry": "analysis/identity/test_control_planes.py::the_network_of_a_cluster",
    "ns-only":
        "sources/kubernetes/test_rights_and_gaps.py::where_the_cluster_may_not_be_listed_its_namespaces_are",
    "ocm-hibernated":
        "analysis/fleet/test_members.py::a_registry_that_no_longer_hears_from_a_member_that_answers",
    "old-root-left": "analysis/security/test_anchors.py::an_expired_root_beside_a_valid_one_is_a_note",
    "own-roots-exchanged": "analysis/security/test_anchors.py::trust_is_what_verifies",
    "owners": "analysis/inventory/test_workloads.py::the_workload_of_a_pod",
    "pa-port-service": "analysis/security/mtls/test_posture.py::policies_that_do_not_do_what_they_seem_to",
    "pa-two-selectors": "analysis/security/mtls/test_server_and_outcome.py::what_lost_is_said",
    "pod-ip-call":
        "analysis/traffic/test_matching.py"
        "::a_call_to_a_pods_address_arrives_and_what_really_leaves_still_leaves",
    "policy-removed":
        "analysis/traffic/test_quirks.py"
        "::a_policy_label_that_was_taken_out_makes_the_share_of_mutual_tls_unknown",
    "profile-display-name":
        "analysis/fleet/test_members.py::profiles_are_known_by_their_objects_names_and_not_by_those_for_people",
    "prom-post-405":
        "sources/prometheus/test_source.py::an_engine_that_refuses_post_is_asked_by_get_from_then_on",
    "rancher-annotation":
        "analysis/tenancy/test_ownership_and_findings.py::a_mark_is_read_where_its_system_keeps_it",
    "rev-not-restarted": "analysis/fleet/test_planes.py::an_upgrade_shows_how_far_it_has_come",
    "rev-pod-label": "analysis/inventory/test_revisions.py::the_revision_of_a_pod",
    "root-ns-custom":
        "analysis/security/mtls/test_server_and_outcome.py::the_root_namespace_need_not_be_istio_system",
    "route-consumer":
        "analysis/canary/test_governing.py"
        "::a_consumers_route_governs_callers_of_its_own_namespace_and_there_instead_of_the_producers",
    "route-not-accepted": "analysis/canary/test_governing.py::a_route_that_nobody_accepted_is_not_in_force",
    "route-weights-default":
        "analysis/canary/test_routes.py::absent_weights_are_0_in_istio_and_1_in_gateway_api",
    "same-id":
        "analysis/traffic/test_edges.py::two_clusters_with_the_default_id_are_told_apart_by_their_endpoint",
    "same-server-two-clusters":
        "sources/auth/test_kubeconfig.py"
        "::users_that_differ_may_lead_to_different_clusters_behind_one_address",
    "scaled-zero":
        "analysis/traffic/test_health.py::what_is_scaled_to_0_idles_whatever_is_known_of_its_traffic",
    "se-two-hosts-one-call":
        "analysis/traffic/test_matching.py"
        "::a_call_that_both_sides_report_is_one_whatever_host_each_of_them_names",
    "secret-own-name": "analysis/identity/test_gateways.py::ids_of_remote_secrets_are_hints",
    "short-dot-ns": "analysis/canary/test_governing.py::a_host_without_its_domain_is_no_service",
    "sidecar-to-ambient-headless": "analysis/security/mtls/test_mesh.py::the_table_of_conflicts",
    "source-labels": "analysis/canary/test_governing.py::what_cannot_be_told_is_never_held_against_the_mesh",
    "source-namespace-only": "analysis/canary/test_governing.py::only_those_count_whom_the_route_governs",
    "spire-workloads": "analysis/security/test_anchors.py::trust_is_what_verifies",
    "tcp-long":
        "analysis/traffic/test_quirks.py::long_connections_flow_although_none_is_opened_in_the_window",
    "tcp-weights": "analysis/canary/test_board.py::tcp_is_split_by_connections",
    "tokenfile-newline": "sources/auth/test_credentials.py::white_space_around_a_token_is_not_sent",
    "vm-group-traffic": "views/kinds/test_machines.py::a_groups_traffic_is_no_machines_own",
    "vm-labels-meta-other":
        "analysis/inventory/test_virtual_machines.py::labels_of_the_metadata_overlay_those_of_the_spec",
    "vm-not-yet-healthy":
        "analysis/inventory/test_virtual_machines.py::with_health_checks_on_only_true_is_healthy",
    "vs-exportto":
        "analysis/canary/test_governing.py::two_routes_are_one_too_many_only_for_clients_that_see_both",
    "vs-hosts-twice": "analysis/canary/test_governing.py::one_host_written_twice_is_one_route",
    "watch-410": "sources/kubernetes/test_following.py::an_expired_watch_lists_again",
    "watch-rolled-back":
        "sources/kubernetes/test_rights_and_gaps.py::a_watch_that_ends_with_an_error_lists_again",
    "waypoint-other-namespace":
        "analysis/traffic/test_matching.py"
        "::the_last_segment_after_a_waypoint_of_another_namespace_is_no_edge",
    "weights-odd": "analysis/canary/test_routes.py::a_virtual_services_shares_are_weight_over_sum",
    "ztunnel-service-unknown":
        "analysis/traffic/test_matching.py"
        "::ztunnel_that_does_not_know_the_service_tells_of_the_same_connections",
}  # fmt: skip


FOUND = {
    "a journal knows clusters": "actions/test_at_hand.py::another_cluster_of_the_name_is_not_here",
    "evacuate beside an unread cluster": "views/kinds/test_machines.py::with_another_cluster_unread_nothing_is_gone",
    "a graph beside an unread Prometheus":
        "cli/test_unknowns.py::a_graph_without_traffic_says_whose_traffic_was_not_read",
    "denied routes": "cli/test_unknowns.py::no_canaries_is_no_claim_where_routes_may_not_be_read",
    "denied drift": "cli/test_unknowns.py::no_drift_is_no_claim_where_a_kind_may_not_be_read",
    "a Lease's holder": "actions/test_lease.py::a_name_and_a_number_prove_nothing",
    "admission": "actions/shift/test_runner.py::what_admission_denies_is_refused_in_its_own_words",
    "field ownership": "actions/propagate/test_copy.py::fields_that_were_taken_over_belong_to_their_owner_again",
    "owned objects": "actions/propagate/test_copy.py::what_a_controller_owns_is_refused_unless_it_is_named",
    "services on machines": "views/kinds/test_machines.py::a_service_on_machines_says_so",
    "charts of callers elsewhere":
        "views/kinds/test_charts.py"
        "::where_the_called_side_reports_nothing_every_caller_is_asked_for_what_was_answered_there",
    "list and graph": "views/reports/test_graph.py::a_service_is_as_healthy_in_the_graph_as_in_the_list",
    "doctor with the read-only role": "views/reports/test_doctor.py::what_the_read_only_role_leaves_out_is_no_fault",
    "drift of default/kubernetes": "analysis/fleet/drift/test_compare.py::what_differs_by_nature_is_not_compared",
    "drift of every kind": "analysis/fleet/drift/test_compare.py::every_kind_that_can_be_copied_is_compared",
    "pods that exist": "analysis/inventory/test_workloads.py::readiness",
    "a plan without Prometheus":
        "actions/shift/test_runner.py::without_a_prometheus_it_is_said_once_and_the_plan_goes_on",
    "denied Secrets": "sources/kubernetes/test_rights_and_gaps.py::forbidden_secrets_are_asked_for_ever_more_seldom",
    "a name for oneself": "sources/kubernetes/test_source.py::servers_are_told_which_meshtop_asks",
    "ReplicaSets by field": "sources/kubernetes/test_source.py"
        "::no_kind_is_listed_by_a_field_that_api_servers_do_not_select_by",
    "stderr of the console": "console/terminal/test_terminal.py::nothing_is_drawn_on_stderr",
    "remedies with a kubeconfig": "cli/test_repeated.py::how_to_finish_an_action_names_the_kubeconfig_of_the_run",
    "the first picture of a watch": "cli/test_watch.py::no_row_is_shown_before_everything_was_read",
    "a first picture that is whole": "sources/kubernetes/test_following.py"
        "::it_is_settled_when_everything_was_read_and_no_sooner",
    "F1": "analysis/traffic/test_matching.py::only_the_source_sees_the_workload_behind_an_address",
    "F2": "analysis/traffic/test_matching.py"
          "::of_each_code_the_larger_count_of_both_sides_holds_and_no_call_counts_twice",
    "F3": "analysis/traffic/test_health.py::tcp_is_as_well_as_its_connections",
    "F4": "analysis/traffic/test_matching.py"
          "::a_server_that_does_not_know_the_cluster_of_its_caller_tells_of_the_same_call",
    "F5": "analysis/traffic/test_matching.py"
          "::of_each_code_the_larger_count_of_both_sides_holds_and_no_call_counts_twice",
    "F6": "analysis/traffic/test_edges.py::both_reporters_spellings_of_one_service_are_one",
    "F7": "analysis/traffic/test_matching.py"
          "::of_clusters_that_share_a_prometheus_the_labels_say_which_one_reports",
    "F9": "views/kinds/test_edge_detail.py::hosts_behind_a_catch_all_are_named_with_their_rates",
    "F9, messages": "views/kinds/test_edge_detail.py::bytes_and_messages_of_a_call_are_told",
    "what propagate promises": "cli/test_propagate.py::clusters_that_no_wave_names_go_last",
    "F8": "analysis/traffic/test_matching.py"
          "::a_source_that_knows_the_app_but_not_the_workload_tells_of_the_same_call",
}  # fmt: skip
"""What was found besides the cases: on real API servers, in counting, and in who is who."""


@cache
def names_in(file: Path) -> frozenset[str]:
    """The names of a file's tests, without their prefix."""
    nodes = ast.walk(ast.parse(file.read_text()))
    defined = (node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(name.removeprefix("test_") for name in defined if name.startswith("test_"))


@pytest.mark.parametrize("named", [*COVERED.values(), *FOUND.values()])
def test_the_test_is_there(named: str) -> None:
    file, _, name = named.partition("::")
    assert name in names_in(TESTS / file)


@pytest.mark.conformance
def test_every_case_has_a_test() -> None:
    folders = {folder.name for folder in CASES.iterdir() if folder.is_dir() and not folder.name.startswith("_")}
    assert folders - set(COVERED) == set()
