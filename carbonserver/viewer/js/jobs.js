// SPDX-License-Identifier: Apache-2.0
// A process run as a job: submitted, watched, cancelled, read.

import * as api from './api.js';

const LOOK_MS = 300;
const wait = () => new Promise(resolve => { setTimeout(resolve, LOOK_MS); });

/** Run a request; `told` hears every status on the way. Resolves with the last one: successful, failed or dismissed. */
export async function run(process, request, told) {
  let info = await api.send('POST', `processes/${process}/execution`, request, { Prefer: 'respond-async' });
  while (info.status === 'accepted' || info.status === 'running') {
    told(info);
    await wait();
    info = await api.json(`jobs/${info.jobID}?lang=${document.documentElement.lang}`);
  }
  return info;
}

/** End a job; whoever watches it hears so. */
export const cancel = id => api.send('DELETE', `jobs/${id}`);

/** The document of results. */
export const results = id => api.json(`jobs/${id}/results`);

/** Path of one output as a file. */
export const output = (id, name) => `jobs/${id}/results/${name}`;
