import { useState } from "preact/hooks";
import { setToken } from "./api.ts";
import { look } from "./watch.ts";

/** Where the address had no token, or a wrong one. */
export function SignIn({ why }: { why: string }) {
  const [token, setText] = useState("");
  const enter = (event: Event) => {
    event.preventDefault();
    setToken(token.trim());
    void look();
  };
  return (
    <section class="panel sign-in">
      <h1>A token is needed</h1>
      <p>
        The command <code>sluice console</code> prints the address of this page with its token. Open that address, or
        enter the token here. It is kept in this tab only.
      </p>
      {why !== "" && (
        <p class="bad-text" role="alert">
          {why}
        </p>
      )}
      <form onSubmit={enter}>
        <label>
          Token
          <input
            type="password"
            autocomplete="off"
            required
            value={token}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary">
          Open the console
        </button>
      </form>
    </section>
  );
}
