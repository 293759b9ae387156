// fhirclient (SMART's own), unmodified, against the open server in FHIR_BASE.
import assert from "node:assert/strict";
import { test } from "node:test";
import fhirclient from "fhirclient";

const client = new fhirclient.FhirClient(process.env.FHIR_BASE);
const patient = (family) => ({ resourceType: "Patient", name: [{ family }] });

test("create, read, update, patch, delete", async () => {
  const made = await client.create(patient("Smart"));
  assert.deepEqual(await client.fhirRequest(`Patient/${made.id}`), made);
  const changed = await client.update({ ...made, active: true });
  assert.equal(changed.meta.versionId, "2");
  const patched = await client.patch(`Patient/${made.id}`, [{ op: "replace", path: "/active", value: false }]);
  assert.equal(patched.active, false);
  await client.delete(`Patient/${made.id}`);
  await assert.rejects(client.fhirRequest(`Patient/${made.id}`), (error) => error.statusCode === 410 || error.status === 410);
});

test("search with paging", async () => {
  for (let n = 0; n < 5; n += 1) await client.create(patient("Smartpages"));
  const ids = [];
  for await (const one of client.resources("Patient?family=Smartpages&_count=2")) ids.push(one.id);
  assert.equal(new Set(ids).size, 5);
  assert.equal(ids.length, 5);
});

test("transaction", async () => {
  const done = await client.fhirRequest("/", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      resourceType: "Bundle",
      type: "transaction",
      entry: [{ resource: patient("Smarttx"), request: { method: "POST", url: "Patient" } }],
    }),
  });
  assert.equal(done.entry[0].response.status.slice(0, 3), "201");
});
