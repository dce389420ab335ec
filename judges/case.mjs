// ory-hydra-sdk was packaged on a file system that does not tell capital
// letters from small ones: it asks for ./JsonWebKey and brings JSONWebKey.js.
// So that the package stays as it is, its relative names are looked up the way
// that file system did.
import { readdirSync } from 'node:fs';
import Module from 'node:module';
import { basename, dirname, join, resolve, sep } from 'node:path';

export function asPackagedOnAMac(require, name) {
  const found = Module._resolveFilename;
  Module._resolveFilename = function resolveFilename(request, parent, ...rest) {
    try {
      return found.call(this, request, parent, ...rest);
    } catch (error) {
      const inside = parent?.filename?.includes(`${sep}node_modules${sep}${name}${sep}`);
      if (error.code !== 'MODULE_NOT_FOUND' || !inside || !request.startsWith('.')) throw error;
      const wanted = `${resolve(dirname(parent.filename), request)}.js`;
      const there = readdirSync(dirname(wanted)).find((file) => file.toLowerCase() === basename(wanted).toLowerCase());
      if (!there) throw error;
      return join(dirname(wanted), there);
    }
  };
  try {
    return require(name);
  } finally {
    Module._resolveFilename = found;
  }
}
