"""The HTTP service: takes requests, keeps jobs, runs them on workers. Imports no torch.

    GET    /v1/health                      versions, the worker's state and device
    GET    /v1/engines                     the engines' cards
    GET    /v1/weights                     the status of their checkpoints on this machine
    POST   /v1/images  /v1/clouds          the file itself as the body -> 201 {"id", "size_bytes"}
    POST   /v1/weights                     the same, to be imported by a job
    POST   /v1/jobs                        {"kind", "request"} -> 202 + Location; Idempotency-Key
    GET    /v1/jobs                        newest first; ?limit= &before= &state=, Link
    GET    /v1/jobs/{id}                   its state, progress and artifacts
    POST   /v1/jobs/{id}/cancel            idempotent
    DELETE /v1/jobs/{id}                   the job and its files; a running one is cancelled first
    GET    /v1/jobs/{id}/artifacts/{name}  streamed; Range, ETag
    GET    /v1/events                      server-sent events: jobs, weights, health; Last-Event-ID
    GET    /v1/openapi.json

Every request carries `Authorization: Bearer <token>`; every error is an RFC 9457 problem document
with the members of contract.problems.Problem. The bodies are contract.protocol's and .wire's;
docs/http.md describes them with examples.
"""
