/** Jest's transform of a package: whoever requires it gets what Node itself has loaded, once for all files of a worker. */
export default { process: () => ({ code: 'module.exports = loadByNode(__filename);' }) };
