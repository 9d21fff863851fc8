# ruff: noqa: E501 - tables and object literals read best with one thing on a line
"""Routes that a controller owns: Argo Rollouts' and Flagger's as these write them, GitOps' with its marks."""

from __future__ import annotations

from collections.abc import Iterator

from meshtop.demo.world import naming
from meshtop.demo.world.company import REGISTRY, Service
from meshtop.demo.world.mesh_objects import NETWORKING, SPLITS, Author
from meshtop.demo.world.plan import Plan
from meshtop.demo.world.workload_objects import DAY, Json
from meshtop.demo.world.worlds.ownership import Ownership

ROLLOUTS, FLAGGER = "rollouts", "flagger"
_SUBSETS = ("stable", "canary")


def selectors(plan: Plan, service: Service) -> Iterator[tuple[str, Json]]:
    """The Services of a service, each with its selector: Flagger adds one for each of its tracks."""
    owner = plan.installation.owners.get(service.name)
    if owner is None or owner.controller != FLAGGER:
        yield service.name, {"app": service.name}
        return
    primary = {"app": f"{service.name}-primary"}
    yield service.name, primary
    yield f"{service.name}-primary", primary
    yield f"{service.name}-canary", {"app": service.name}


class OwnedRoutes(Author):
    """Writes the mesh configuration of one cluster, with the routes of some services as their owners keep them."""

    def objects(self) -> Iterator[Json]:
        """All of it, and the owners' own objects."""
        yield from super().objects()
        for service in self._plan.here(self._cluster):
            owner = self._owner(service)
            if owner is not None and owner.controller == ROLLOUTS:
                yield self._rollout(service, owner)
            elif owner is not None and owner.controller == FLAGGER:
                yield self._canary(service)

    def _owner(self, service: Service) -> Ownership | None:
        return self._plan.installation.owners.get(service.name)

    def _weighted(self, service: Service) -> list[Json]:
        owner = self._owner(service)
        if owner is None or not owner.tracks:
            return super()._weighted(service)
        if owner.controller == ROLLOUTS:
            shares = zip(_SUBSETS, SPLITS[service.name], strict=True)
            return [
                {"destination": {"host": self._host(service), "subset": subset}, "weight": weight}
                for subset, (_, weight) in shares
            ]
        return [
            {"destination": {"host": f"{service.name}-{owner.tracks[version]}"}, "weight": weight}
            for version, weight in SPLITS[service.name]
        ]

    def _route(self, service: Service) -> Json:
        found = super()._route(service)
        owner = self._owner(service)
        if owner is None:
            return found
        meta = found["metadata"]
        manager = {
            ROLLOUTS: "rollouts-controller",
            FLAGGER: "flagger",
            "argocd": "argocd-controller",
            "flux": "kustomize-controller",
        }[owner.controller]
        meta["managedFields"] = [{**meta["managedFields"][0], "manager": manager}]
        if owner.controller == "argocd":
            meta["annotations"] = {
                "argocd.argoproj.io/tracking-id": f"{service.namespace}:{NETWORKING.partition('/')[0]}/VirtualService:{service.namespace}/{service.name}"
            }
        elif owner.controller == "flux":
            meta["labels"] = {
                "kustomize.toolkit.fluxcd.io/name": service.namespace,
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            }
        elif owner.controller == FLAGGER:
            meta["ownerReferences"] = [self._builder.owner("Canary", service.namespace, service.name)]
        else:
            # Argo Rollouts changes the weights of a route that people wrote; the Rollout names the route.
            found["spec"]["http"][0]["name"] = "primary"
        return found

    def _rules_of(self, service: Service) -> Iterator[Json]:
        owner = self._owner(service)
        if owner is None or not owner.tracks:
            yield from super()._rules_of(service)
            return
        policy = self._policy(service)
        if owner.controller == ROLLOUTS:
            subsets = [
                {"name": subset, "labels": {"app": service.name, "rollouts-pod-template-hash": owner.tracks[version]}}
                for subset, (version, _) in zip(_SUBSETS, SPLITS[service.name], strict=True)
            ]
            spec = {"host": self._host(service), "trafficPolicy": policy, "subsets": subsets}
            rule = self._object(NETWORKING, "DestinationRule", service.name, service.namespace, spec, days=40)
            rule["metadata"]["annotations"] = {"argo-rollouts.argoproj.io/managed-by-rollouts": service.name}
            yield rule
            return
        for track in owner.tracks.values():
            name = f"{service.name}-{track}"
            rule = self._object(
                NETWORKING, "DestinationRule", name, service.namespace, {"host": name, "trafficPolicy": policy}, days=40
            )
            rule["metadata"]["ownerReferences"] = [self._builder.owner("Canary", service.namespace, service.name)]
            yield rule

    def _rollout(self, service: Service, owner: Ownership) -> Json:
        (_, stable), (canary, weight) = SPLITS[service.name]
        total = sum(v.replicas for v in service.versions)
        hashes = [owner.tracks[version] for version, _ in SPLITS[service.name]]
        image = f"{REGISTRY}/{service.namespace}/{service.name}:{next(v.release for v in service.versions if v.name == canary)}"
        routing = {"istio": {"virtualService": {"name": service.name, "routes": ["primary"]},
                             "destinationRule": {"name": service.name, "stableSubsetName": "stable", "canarySubsetName": "canary"}}}  # fmt: skip
        spec = {
            "replicas": total, "selector": {"matchLabels": {"app": service.name}},
            "template": {"metadata": {"labels": {"app": service.name}},
                         "spec": {"serviceAccountName": service.service_account, "containers": [{"name": service.name, "image": image}]}},
            "strategy": {"canary": {"trafficRouting": routing, "steps": [{"setWeight": weight}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "10m"}}]}},
        }  # fmt: skip
        found = self._object("argoproj.io/v1alpha1", "Rollout", service.name, service.namespace, spec, days=40)
        status = {
            "phase": "Paused", "message": "CanaryPauseStep", "replicas": total, "readyReplicas": total, "availableReplicas": total,
            "stableRS": hashes[0], "currentPodHash": hashes[1], "currentStepIndex": 1,
            "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": naming.timestamp(self._now // DAY * DAY)}],
            "canary": {"weights": {"stable": {"podTemplateHash": hashes[0], "weight": stable}, "canary": {"podTemplateHash": hashes[1], "weight": weight}}},
        }  # fmt: skip
        return {**found, "status": status}

    def _canary(self, service: Service) -> Json:
        weight = SPLITS[service.name][1][1]
        spec = {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": service.name},
            "service": {"port": service.port, "name": service.name},
            "analysis": {"interval": "1m", "threshold": 5, "maxWeight": 50, "stepWeight": 5},
        }
        found = self._object("flagger.app/v1beta1", "Canary", service.name, service.namespace, spec, days=40)
        return {**found, "status": {"phase": "Progressing", "canaryWeight": weight, "failedChecks": 0, "iterations": 0,
                                    "lastTransitionTime": naming.timestamp(self._now // 60 * 60 - 120)}}  # fmt: skip
