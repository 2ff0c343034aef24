// SPDX-License-Identifier: MIT
// workload.js N - objects, buffers outside the heap, compression, a worker
const crypto = require("crypto");
const zlib = require("zlib");
const { Worker, isMainThread, workerData, parentPort } = require("worker_threads");

function work(n) {
	const words = Array.from({ length: n }, (_, i) => ("w" + ((i * 7919) % 1009)).repeat((i % 6) + 1));
	const buffers = words.map((w, i) => Buffer.alloc(i % 3000, w));
	const hash = crypto.createHash("sha256");
	buffers.forEach((b) => hash.update(b));
	const text = words.sort().join(" ");
	const packed = zlib.gzipSync(text, { level: 6 });
	return [hash.digest("hex"), zlib.gunzipSync(packed).toString() === text, JSON.parse(JSON.stringify(words)).length];
}

if (isMainThread) {
	const n = Number(process.argv[2]);
	console.log(work(n).join(" "));
	const worker = new Worker(__filename, { workerData: n });
	worker.on("message", (m) => console.log(m));
	worker.on("exit", (code) => console.log(code));
} else {
	parentPort.postMessage(work(workerData).join(" "));
}
