// fhir-kit-client, unmodified: every interaction it offers, against the server in FHIR_BASE.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "fhir-kit-client";

const client = new Client({ baseUrl: process.env.FHIR_BASE });
const patient = (family) => ({ resourceType: "Patient", name: [{ family }] });

test("capability statement", async () => {
  const statement = await client.capabilityStatement();
  assert.equal(statement.fhirVersion, "4.0.1");
});

test("create, read, vread, update, patch, history, delete", async () => {
  const made = await client.create({ resourceType: "Patient", body: patient("Kit") });
  const read = await client.read({ resourceType: "Patient", id: made.id });
  assert.deepEqual(read, made);
  const changed = await client.update({ resourceType: "Patient", id: made.id, body: { ...made, active: true } });
  assert.equal(changed.meta.versionId, "2");
  const patched = await client.patch({
    resourceType: "Patient",
    id: made.id,
    jsonPatch: [{ op: "replace", path: "/active", value: false }],
  });
  assert.equal(patched.active, false);
  const first = await client.vread({ resourceType: "Patient", id: made.id, version: "1" });
  assert.deepEqual(first, made);
  const history = await client.history({ resourceType: "Patient", id: made.id });
  assert.equal(history.total, 3);
  await client.delete({ resourceType: "Patient", id: made.id });
  await assert.rejects(client.read({ resourceType: "Patient", id: made.id }), (error) => error.response.status === 410);
});

test("search with paging", async () => {
  for (let n = 0; n < 5; n += 1) await client.create({ resourceType: "Patient", body: patient("Kitpages") });
  let page = await client.search({ resourceType: "Patient", searchParams: { family: "Kitpages", _count: 2 } });
  const ids = [];
  while (page) {
    ids.push(...page.entry.map((entry) => entry.resource.id));
    page = await client.nextPage({ bundle: page });
  }
  assert.equal(new Set(ids).size, 5);
  assert.equal(ids.length, 5);
});

test("search by POST", async () => {
  const made = await client.create({ resourceType: "Patient", body: patient("Kitform") });
  const found = await client.search({
    resourceType: "Patient",
    searchParams: { family: "Kitform" },
    options: { postSearch: true },
  });
  assert.deepEqual(found.entry.map((entry) => entry.resource), [made]);
});

test("transaction", async () => {
  const done = await client.transaction({
    body: {
      resourceType: "Bundle",
      type: "transaction",
      entry: [
        { fullUrl: "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9", resource: patient("Kittx"), request: { method: "POST", url: "Patient" } },
        {
          resource: {
            resourceType: "Observation",
            status: "final",
            code: { text: "mood" },
            subject: { reference: "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9" },
          },
          request: { method: "POST", url: "Observation" },
        },
      ],
    },
  });
  assert.equal(done.type, "transaction-response");
  assert.deepEqual(done.entry.map((entry) => entry.response.status.slice(0, 3)), ["201", "201"]);
  const observation = await client.request(done.entry[1].response.location.replace(/\/_history.*/, ""));
  assert.match(done.entry[0].response.location, new RegExp(observation.subject.reference));
});
