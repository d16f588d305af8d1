/** How npm is called: the one that called us, whatever the PATH has, or else that one. Another manager is not taken for it. */
export function npmCommand() {
  const npm = process.env.npm_execpath ?? '';
  return npm.endsWith('npm-cli.js') ? [process.execPath, npm] : ['npm'];
}
