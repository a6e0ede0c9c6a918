// SPDX-License-Identifier: Apache-2.0
// Swagger UI over this server's own document; no validator of another host.
const node = document.getElementById('swagger');
window.ready = new Promise(resolve => {
  window.SwaggerUIBundle({
    url: node.dataset.document, domNode: node, deepLinking: true, validatorUrl: null, docExpansion: 'none',
    defaultModelsExpandDepth: -1, onComplete: resolve,
  });
});
